//! The gRPC service of the example, without a compiler of `.proto` files.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
    let quotes = Service::builder()
        .name("Quotes")
        .package("quotes")
        .method(method("quote", "Quote").build())
        .method(method("follow", "Follow").server_streaming().build())
        .method(
            method("talk", "Talk")
                .client_streaming()
                .server_streaming()
                .build(),
        )
        .build();
    Builder::new().build_transport(false).compile(&[quotes]);
    println!("cargo:rerun-if-changed=build.rs");
}

fn method(name: &str, route: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type("super::Item")
        .output_type("super::Price")
        .codec_path("tonic_prost::ProstCodec")
}
