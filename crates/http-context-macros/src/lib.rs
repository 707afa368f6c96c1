#![doc = include_str!("../README.md")]

mod arguments;

use proc_macro::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{Error, ItemFn, parse_macro_input};

use crate::arguments::Arguments;

/// Runs an async test in an HTTP context, and fails it on any leak.
///
/// See `http_context::testing` for what it does, its arguments and an example.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(item as ItemFn);
    expand(&arguments, &function)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(arguments: &Arguments, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = function;
    if sig.asyncness.is_none() {
        let message = "a test with an HTTP context is an `async fn`";
        return Err(Error::new(sig.fn_token.span(), message));
    }
    if let Some(input) = sig.inputs.first() {
        return Err(Error::new(
            input.span(),
            "a test function takes no arguments",
        ));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(
            sig.generics.span(),
            "a test function is not generic",
        ));
    }
    if let Some(other) = attrs
        .iter()
        .find(|attr| attr.path().segments.last().is_some_and(is_test))
    {
        let message = "`#[http_context::test]` makes the test already: remove this attribute";
        return Err(Error::new(other.span(), message));
    }
    let (name, output) = (&sig.ident, &sig.output);
    let options = arguments.options();
    let context = name.unraw().to_string();
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis fn #name() #output {
            ::http_context::testing::TestOptions::new()
                .context(|context| context.name(#context))
                #options
                .run(async #block)
        }
    })
}

fn is_test(segment: &syn::PathSegment) -> bool {
    segment.ident == "test"
}
