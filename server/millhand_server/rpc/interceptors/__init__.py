"""What happens around every call, one file each. `chain` has them in their order."""
