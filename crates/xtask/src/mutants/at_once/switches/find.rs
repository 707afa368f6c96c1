//! Finds what changes replace.

use std::{collections::HashMap, mem, ops::Range};

use syn::{
    Arm, Block, Expr, ExprStruct, File, ImplItemFn, ItemConst, ItemFn, ItemStatic, ReturnType,
    Signature, TraitItemFn, TypeArray, TypeImplTrait, Variant,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{Branch, Form, Site};
use crate::mutants::at_once::changes::{Change, Genre};

/// In the order in which they are written: what is around comes before what is inside.
pub(super) fn sites(text: &str, changes: &[&Change]) -> Result<Vec<Site>, String> {
    let file: File = syn::parse_file(text).map_err(|error| error.to_string())?;
    let mut by_place: HashMap<_, Vec<(u32, String)>> = HashMap::new();
    for change in changes {
        let Some(start) = change.start.offset_in(text) else {
            return Err(format!("{} is beyond its file", change.name));
        };
        let there = by_place.entry((change.genre, start)).or_default();
        there.push((change.number, change.replacement.clone()));
    }
    let mut finder = Finder {
        text,
        by_place,
        is_const: false,
        sites: Vec::new(),
    };
    finder.visit_file(&file);
    let mut sites = finder.sites;
    // Of the same text, what was found first is around.
    sites.sort_by_key(|site| (site.range.start, usize::MAX - site.range.end));
    Ok(sites)
}

struct Finder<'a> {
    text: &'a str,
    /// By where the text begins that is replaced.
    by_place: HashMap<(Genre, usize), Vec<(u32, String)>>,
    /// Whether this is evaluated by the compiler, where no switch can be asked.
    is_const: bool,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn changes(&self, genre: Genre, start: usize) -> Vec<(u32, String)> {
        if self.is_const {
            return Vec::new();
        }
        let there = self.by_place.get(&(genre, start));
        there.cloned().unwrap_or_default()
    }

    fn add(&mut self, range: Range<usize>, form: Form, branches: Vec<Branch>) {
        if !branches.is_empty() {
            self.sites.push(Site {
                range,
                form,
                branches,
            });
        }
    }

    fn evaluated(&mut self, is_const: bool, inside: impl FnOnce(&mut Self)) {
        let outside = mem::replace(&mut self.is_const, is_const);
        inside(self);
        self.is_const = outside;
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        self.evaluated(signature.constness.is_some(), |finder| {
            if let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last())
                && !is_hidden(&signature.output)
            {
                let (start, end) = (
                    first.span().byte_range().start,
                    last.span().byte_range().end,
                );
                let values = finder.changes(Genre::Function, start);
                let branches = values
                    .into_iter()
                    .map(|(change, text)| Branch { change, text });
                finder.add(start..end, Form::Return, branches.collect());
            }
            finder.visit_block(block);
        });
    }

    /// Binary operators without parentheses between them.
    fn chain(&mut self, expr: &Expr) {
        let mut chain = Chain::default();
        chain.flatten(expr);
        if chain.operands.iter().any(|one| matches!(one, Expr::Let(_))) {
            // `let` cannot be in parentheses, and cannot be an operand of `||`.
            if let Expr::Binary(binary) = expr {
                self.visit_expr(&binary.left);
                self.visit_expr(&binary.right);
            }
            return;
        }
        let whole = expr.span().byte_range();
        let mut branches = Vec::new();
        for operator in &chain.operators {
            for (change, other) in self.changes(Genre::Binary, operator.start) {
                let text = self.replaced(&whole, operator, &other);
                branches.push(Branch { change, text });
            }
        }
        self.add(whole, Form::Whole, branches);
        for operand in chain.operands {
            self.visit_expr(operand);
        }
    }

    /// The text of `whole` with another one for that of `part`.
    fn replaced(&self, whole: &Range<usize>, part: &Range<usize>, other: &str) -> String {
        let before = &self.text[whole.start..part.start];
        let after = &self.text[part.end..whole.end];
        format!("{before}{other}{after}")
    }
}

#[derive(Default)]
struct Chain<'ast> {
    operators: Vec<Range<usize>>,
    operands: Vec<&'ast Expr>,
}

impl<'ast> Chain<'ast> {
    fn flatten(&mut self, expr: &'ast Expr) {
        if let Expr::Binary(binary) = expr {
            self.flatten(&binary.left);
            self.operators.push(binary.op.span().byte_range());
            self.flatten(&binary.right);
        } else {
            self.operands.push(expr);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.evaluated(true, |finder| visit::visit_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.evaluated(true, |finder| visit::visit_item_static(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.evaluated(true, |finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_variant(&mut self, item: &'ast Variant) {
        self.evaluated(true, |finder| visit::visit_variant(finder, item));
    }

    fn visit_type_array(&mut self, array: &'ast TypeArray) {
        self.evaluated(true, |finder| visit::visit_type_array(finder, array));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.evaluated(true, |finder| {
            visit::visit_generic_argument(finder, argument);
        });
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Binary(_) => self.chain(expr),
            Expr::Unary(unary) => {
                let whole = expr.span().byte_range();
                let operator = unary.op.span().byte_range();
                let mut branches = Vec::new();
                for (change, other) in self.changes(Genre::Unary, operator.start) {
                    let text = self.replaced(&whole, &operator, &other);
                    branches.push(Branch { change, text });
                }
                self.add(whole, Form::Whole, branches);
                self.visit_expr(&unary.expr);
            }
            Expr::Closure(closure) => {
                self.evaluated(false, |finder| finder.visit_expr(&closure.body));
            }
            Expr::Const(_) => {
                self.evaluated(true, |finder| visit::visit_expr(finder, expr));
            }
            Expr::Repeat(repeat) => {
                self.visit_expr(&repeat.expr);
                self.evaluated(true, |finder| finder.visit_expr(&repeat.len));
            }
            _ => visit::visit_expr(self, expr),
        }
    }

    fn visit_expr_struct(&mut self, item: &'ast ExprStruct) {
        if let Some(dots) = item.dot2_token {
            let whole = item.span().byte_range();
            let starts = item.fields.iter().map(|one| one.span().byte_range().start);
            let mut starts: Vec<usize> = starts.collect();
            starts.push(dots.span().byte_range().start);
            let mut branches = Vec::new();
            for pair in starts.windows(2) {
                for (change, other) in self.changes(Genre::Field, pair[0]) {
                    let text = self.replaced(&whole, &(pair[0]..pair[1]), &other);
                    branches.push(Branch { change, text });
                }
            }
            self.add(whole, Form::Whole, branches);
        }
        visit::visit_expr_struct(self, item);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let deleted = self.changes(Genre::Arm, arm.span().byte_range().start);
        let deleted = deleted
            .into_iter()
            .map(|(change, text)| Branch { change, text });
        let deleted = deleted.collect();
        match &arm.guard {
            None => {
                let end = arm.pat.span().byte_range().end;
                self.add(end..end, Form::NewGuard, deleted);
            }
            Some((_, guard)) if has_let(guard) => self.visit_expr(guard),
            Some((_, guard)) => {
                let whole = guard.span().byte_range();
                let others = self.changes(Genre::Guard, whole.start);
                let others = others
                    .into_iter()
                    .map(|(change, text)| Branch { change, text });
                self.add(whole.clone(), Form::MoreGuard, deleted);
                self.add(whole, Form::Whole, others.collect());
                self.visit_expr(guard);
            }
        }
        self.visit_expr(&arm.body);
    }
}

/// Whether a function returns an `impl Trait`, which is of one type: that of its body, and no value has it.
fn is_hidden(output: &ReturnType) -> bool {
    struct Hidden(bool);
    impl<'ast> Visit<'ast> for Hidden {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut hidden = Hidden(false);
    hidden.visit_return_type(output);
    hidden.0
}

/// Whether a guard has a pattern of its own, and so cannot be in parentheses.
fn has_let(guard: &Expr) -> bool {
    let mut chain = Chain::default();
    chain.flatten(guard);
    chain.operands.iter().any(|one| matches!(one, Expr::Let(_)))
}
