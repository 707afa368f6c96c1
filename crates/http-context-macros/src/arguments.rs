//! What stands in the brackets of `#[http_context::test(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitInt, LitStr, MetaNameValue, Token};

#[derive(Default)]
pub(crate) struct Arguments {
    flavor: Option<LitStr>,
    worker_threads: Option<LitInt>,
    leaks: Option<LitStr>,
    drain_timeout_ms: Option<LitInt>,
}

const KNOWN: &str = "`flavor`, `worker_threads`, `leaks` and `drain_timeout_ms`";

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        for pair in Punctuated::<MetaNameValue, Token![,]>::parse_terminated(input)? {
            let name = pair
                .path
                .get_ident()
                .map(ToString::to_string)
                .unwrap_or_default();
            let is_new = match name.as_str() {
                "flavor" => arguments.flavor.replace(text(&pair.value)?).is_none(),
                "worker_threads" => arguments
                    .worker_threads
                    .replace(number(&pair.value)?)
                    .is_none(),
                "leaks" => arguments.leaks.replace(text(&pair.value)?).is_none(),
                "drain_timeout_ms" => arguments
                    .drain_timeout_ms
                    .replace(number(&pair.value)?)
                    .is_none(),
                _ => {
                    let message = format!("unknown argument: known are {KNOWN}");
                    return Err(Error::new(pair.path.span(), message));
                }
            };
            if !is_new {
                return Err(Error::new(pair.path.span(), "this argument is given twice"));
            }
        }
        arguments.check()?;
        Ok(arguments)
    }
}

impl Arguments {
    fn check(&self) -> syn::Result<()> {
        one_of(self.flavor.as_ref(), &["current_thread", "multi_thread"])?;
        one_of(self.leaks.as_ref(), &["off", "count", "warn", "panic"])?;
        let is_multi = self
            .flavor
            .as_ref()
            .is_some_and(|flavor| flavor.value() == "multi_thread");
        if let Some(threads) = &self.worker_threads {
            if !is_multi {
                let message = "`worker_threads` needs `flavor = \"multi_thread\"`";
                return Err(Error::new(threads.span(), message));
            }
            if threads.base10_parse::<usize>()? == 0 {
                return Err(Error::new(
                    threads.span(),
                    "at least one worker thread is needed",
                ));
            }
        }
        Ok(())
    }

    /// The calls that set these options.
    pub(crate) fn options(&self) -> TokenStream {
        let flavor = self
            .flavor
            .as_ref()
            .is_some_and(|flavor| flavor.value() == "multi_thread");
        let flavor = match (&self.worker_threads, flavor) {
            (Some(threads), _) => quote!(.multi_thread(#threads)),
            (None, true) => quote!(.multi_thread(1)),
            (None, false) => quote!(),
        };
        let leaks = self.leaks.as_ref().map(|leaks| {
            let policy = match leaks.value().as_str() {
                "off" => quote!(Off),
                "count" => quote!(Count),
                "warn" => quote!(Warn),
                _ => quote!(Panic),
            };
            quote!(.leaks(::http_context::LeakPolicy::#policy))
        });
        let drain = self
            .drain_timeout_ms
            .as_ref()
            .map(|ms| quote!(.drain_timeout(::core::time::Duration::from_millis(#ms))));
        quote!(#flavor #leaks #drain)
    }
}

fn one_of(value: Option<&LitStr>, known: &[&str]) -> syn::Result<()> {
    match value {
        Some(value) if !known.contains(&value.value().as_str()) => Err(Error::new(
            value.span(),
            format!("known are: {}", known.join(", ")),
        )),
        _ => Ok(()),
    }
}

fn text(value: &Expr) -> syn::Result<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Ok(text.clone()),
        other => Err(Error::new(other.span(), "a string is expected")),
    }
}

fn number(value: &Expr) -> syn::Result<LitInt> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => Ok(number.clone()),
        other => Err(Error::new(other.span(), "a number is expected")),
    }
}
