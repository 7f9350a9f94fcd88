"""Other task queues, each in an environment of its own with exact versions.

`*_app.py` and `*_client.py` run there: they import the standard library, their queue, and of the bench only
what needs no more than that.
"""
