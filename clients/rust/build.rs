//! Generates the code of the contract. Protox compiles the protos in Rust, so that no protoc is needed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use tonic_prost_build::Config;

const FILES: [&str; 5] = [
    "millhand/v1/errors.proto",
    "millhand/v1/handler.proto",
    "millhand/v1/payload.proto",
    "millhand/v1/task.proto",
    "millhand/v1/task_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let includes = [root.join("protos"), root.join("third_party/googleapis")];
    for include in &includes {
        println!("cargo:rerun-if-changed={}", include.display());
    }
    let descriptors = protox::compile(FILES, &includes)?;
    let mut config = Config::new();
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com");
    tonic_prost_build::configure()
        .build_server(false)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds_with_config(descriptors.clone(), config)?;

    // The server's side, for the tests of this crate only.
    let server = PathBuf::from(std::env::var("OUT_DIR")?).join("server");
    fs::create_dir_all(&server)?;
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(server)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .extern_path(".millhand.v1", "::millhand::v1")
        .compile_fds(descriptors)?;
    Ok(())
}
