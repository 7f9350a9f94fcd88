//! Generates the code of the conformance schema; what it shares with the contract is the client's own code.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let includes = [root.join("protos"), root.join("third_party/googleapis")];
    println!("cargo:rerun-if-changed={}", includes[0].display());
    let descriptors = protox::compile(["millhand/conformance/v1/conformance.proto"], &includes)?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_client(false)
        .extern_path(".millhand.v1", "::millhand::v1")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(descriptors)?;
    Ok(())
}
