//! The floors of ARCHITECTURE.md, checked against the sources.
//!
//! Reads `src/**/*.rs` with a small tokenizer of its own and fails, naming file and line, on an import
//! that goes up or sideways, on a circle of modules inside one folder, on a top-level module that has no
//! floor, and on names a module must not have. What stands under `#[cfg(test)]` is not looked at, and
//! neither are comments: a link in a doc comment may point anywhere.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

/// The floor of every top-level module. `lib.rs` stands on top of them all.
const FLOORS: &[(&str, u32)] = &[
    ("clock", 0),
    ("diagnostics", 0),
    ("ids", 0),
    ("panics", 0),
    ("secrets", 0),
    ("semconv", 0),
    ("sync", 0),
    ("value", 0),
    ("variables", 0),
    ("context", 1),
    ("propagation", 2),
    ("record", 2),
    ("analysis", 3),
    ("export", 3),
    ("limits", 3),
    ("redact", 3),
    ("sampling", 3),
    ("store", 3),
    ("transport", 3),
    ("exporters", 4),
    ("trace", 4),
    ("bridges", 5),
    ("middleware", 5),
    ("testing", 6),
];

/// Names that say nothing, or clash with crates everybody has.
const FORBIDDEN_ANYWHERE: &[&str] = &["util", "utils", "tower", "http"];
/// An error lives beside its cause.
const FORBIDDEN_AT_ROOT: &[&str] = &["error", "errors"];

#[test]
fn imports_go_down_and_nowhere_else() {
    let mut files = Vec::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 20, "the sources have been found");
    let findings = check(&files);
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn read_sources(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            read_sources(&entry.path(), &format!("{path}/"), files);
        } else if name.ends_with(".rs") {
            files.push((path, fs::read_to_string(entry.path()).expect("a source in UTF-8")));
        }
    }
    files.sort();
}

// The rules.

/// All that is wrong with these files, given by their paths below `src`.
fn check<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Vec<String> {
    let tree = Tree::read(files);
    let mut findings = tree.wrong_names();
    for file in &tree.files {
        findings.extend(file.imports.iter().filter_map(|import| tree.wrong_direction(file, import)));
    }
    findings.extend(tree.circles());
    findings
}

impl Tree {
    fn wrong_names(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for file in &self.files {
            let name = file.module.last().map_or("", String::as_str);
            let forbidden_here = file.module.len() == 1 && FORBIDDEN_AT_ROOT.contains(&name);
            if forbidden_here || FORBIDDEN_ANYWHERE.contains(&name) {
                findings.push(format!("src/{}: no module is called `{name}`", file.path));
            } else if file.module.len() == 1 && floor(name).is_none() {
                findings.push(format!("src/{}: `{name}` has no floor in tests/architecture.rs", file.path));
            }
        }
        findings
    }

    fn wrong_direction(&self, file: &File, import: &Import) -> Option<String> {
        let at = |what: String| Some(format!("src/{}:{}: {what}", file.path, import.line));
        let own = file.module.first()?;
        let [target, ..] = import.path.as_slice() else {
            return None;
        };
        if !self.modules.contains(&import.path[..1]) {
            return at(format!("`crate::{}` is imported from the top, lib.rs", import.path.join("::")));
        }
        if own == target {
            return self.beside(file, import).and_then(at);
        }
        // A module without a floor has been named already.
        let (own_floor, target_floor) = (floor(own)?, floor(target)?);
        if target_floor > own_floor {
            at(format!("`{own}` (floor {own_floor}) imports `{target}` (floor {target_floor}) above it"))
        } else if target_floor == own_floor {
            at(format!("`{own}` imports `{target}` beside it (floor {own_floor})"))
        } else {
            None
        }
    }

    /// A folder inside a folder keeps to itself as well.
    fn beside(&self, file: &File, import: &Import) -> Option<String> {
        let common = file.module.iter().zip(&import.path).take_while(|(one, other)| one == other).count();
        let [own, target] = [&file.module, &import.path].map(|path| path.get(..=common));
        let (own, target) = (own?, target?);
        let both_are_folders = self.folders.contains(own) && self.folders.contains(target);
        both_are_folders
            .then(|| format!("`{}` imports the folder `{}` beside it", own.join("::"), target.join("::")))
    }

    /// Every import that is part of a circle inside one folder.
    fn circles(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for folder in &self.folders {
            let edges = self.edges_inside(folder);
            for (own, targets) in &edges {
                for (target, place) in targets {
                    if let Some(back) = shortest_way(target, own, &edges) {
                        let folder = folder.join("::");
                        findings
                            .push(format!("{place}: a circle in `{folder}`: {own} → {}", back.join(" → ")));
                    }
                }
            }
        }
        findings
    }

    /// Which child of a folder imports which other, and where.
    fn edges_inside(&self, folder: &[String]) -> Edges {
        let mut edges = Edges::new();
        for file in self.files.iter().filter(|file| file.module.starts_with(folder)) {
            let own = file.module.get(folder.len()).map_or(OWN_ITEMS, String::as_str);
            let is_mod = file.module == folder;
            for import in file.imports.iter().filter(|import| import.path.starts_with(folder)) {
                let Some(name) = import.path.get(folder.len()) else {
                    continue;
                };
                if is_mod && import.is_reexport {
                    continue;
                }
                let target = self.child_that_defines(folder, name);
                if target != own {
                    let place = format!("src/{}:{}", file.path, import.line);
                    edges.entry(own.to_owned()).or_default().entry(target.to_owned()).or_insert(place);
                }
            }
            for (name, line) in file.mentions.iter().filter(|_| is_mod) {
                if let Some(target) = self.reexports.get(&(folder.to_vec(), name.clone())) {
                    let place = format!("src/{}:{line}", file.path);
                    edges.entry(own.to_owned()).or_default().entry(target.clone()).or_insert(place);
                }
            }
        }
        edges
    }

    /// The child of a folder that a name of the folder stands for: itself, or where `mod.rs` has it from.
    fn child_that_defines<'a>(&'a self, folder: &[String], name: &'a str) -> &'a str {
        let child = [folder, &[name.to_owned()]].concat();
        if self.modules.contains(&child) {
            return name;
        }
        self.reexports.get(&(folder.to_vec(), name.to_owned())).map_or(OWN_ITEMS, String::as_str)
    }
}

/// What a `mod.rs` defines itself, as a node among its children.
const OWN_ITEMS: &str = "mod";

/// From child to child, with the place of the first import.
type Edges = BTreeMap<String, BTreeMap<String, String>>;

fn shortest_way<'a>(from: &'a str, to: &str, edges: &'a Edges) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let end = *way.last()?;
        if end == to {
            return Some(way);
        }
        if seen.insert(end) {
            let onward = edges.get(end).into_iter().flat_map(BTreeMap::keys);
            ways.extend(onward.map(|next| [&way[..], &[next]].concat()));
        }
    }
    None
}

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

// The sources, as far as the rules look at them.

type ModulePath = Vec<String>;

struct Tree {
    files: Vec<File>,
    modules: BTreeSet<ModulePath>,
    /// Modules with modules of their own.
    folders: BTreeSet<ModulePath>,
    /// By folder and name: the child it is re-exported from.
    reexports: BTreeMap<(ModulePath, String), String>,
}

struct File {
    /// Below `src`.
    path: String,
    module: ModulePath,
    imports: Vec<Import>,
    /// Every identifier outside of imports, with its line.
    mentions: Vec<(String, usize)>,
}

/// One name from this crate, by its path from the crate's root.
struct Import {
    path: ModulePath,
    line: usize,
    /// Brought in by `pub use` or `pub(…) use`.
    is_reexport: bool,
    /// What it is called here.
    name: String,
}

impl Tree {
    fn read<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Self {
        let modules: BTreeSet<_> = files.iter().map(|(path, _)| module_of(path.as_ref())).collect();
        let folders =
            modules.iter().filter_map(|module| Some(module[..module.len().checked_sub(1)?].to_vec()));
        let folders = folders.filter(|folder| !folder.is_empty()).collect();
        let files: Vec<_> =
            files.iter().map(|(path, text)| File::read(path.as_ref(), text.as_ref(), &modules)).collect();
        let mut reexports = BTreeMap::new();
        for file in &files {
            for import in file.imports.iter().filter(|import| import.path.starts_with(&file.module)) {
                if let [child, _, ..] = &import.path[file.module.len()..] {
                    reexports.insert((file.module.clone(), import.name.clone()), child.clone());
                }
            }
        }
        Self { files, modules, folders, reexports }
    }
}

/// `trace/span.rs` is `trace::span`, `trace/mod.rs` is `trace`, `lib.rs` is the root.
fn module_of(path: &str) -> ModulePath {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: ModulePath = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

impl File {
    fn read(path: &str, text: &str, modules: &BTreeSet<ModulePath>) -> Self {
        let mut reader = Reader {
            tokens: without_tests(tokenize(text)),
            position: 0,
            modules,
            module: module_of(path),
            inline: Vec::new(),
            imports: Vec::new(),
            mentions: Vec::new(),
        };
        reader.read();
        let Reader { module, imports, mentions, .. } = reader;
        Self { path: path.to_owned(), module, imports, mentions }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

struct Reader<'a> {
    tokens: Vec<Token>,
    position: usize,
    modules: &'a BTreeSet<ModulePath>,
    module: ModulePath,
    /// `mod name { … }` around the position, by the braces open inside of each.
    inline: Vec<(String, usize)>,
    imports: Vec<Import>,
    mentions: Vec<(String, usize)>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.position).cloned() {
            self.position += 1;
            match token.text.as_str() {
                "{" => self.inline.iter_mut().for_each(|(_, open)| *open += 1),
                "}" => {
                    self.inline.retain(|(_, open)| *open > 0);
                    self.inline.iter_mut().for_each(|(_, open)| *open -= 1);
                }
                "mod" if self.ahead(1) == "{" => {
                    let name = self.ahead(0).to_owned();
                    self.position += 2;
                    self.inline.push((name, 0));
                }
                // `use<'a>` captures lifetimes.
                "use" if self.ahead(0) != "<" => {
                    let is_reexport = self.is_after_pub();
                    self.use_tree(&[], is_reexport);
                }
                "crate" | "super" | "self" if self.ahead(0) == "::" && !self.is_in_visibility() => {
                    let path = self.inline_path(&token.text);
                    self.import(&path, token.line, false, "");
                }
                text if is_identifier(text) => {
                    if self.ahead(0) == "::" && self.behind(2) != "::" && self.is_child(text) {
                        let path = self.inline_path(text);
                        self.import(&path, token.line, false, "");
                    } else {
                        self.mentions.push((token.text, token.line));
                    }
                }
                _ => {}
            }
        }
    }

    fn ahead(&self, by: usize) -> &str {
        self.tokens.get(self.position + by).map_or("", |token| &token.text)
    }

    fn behind(&self, by: usize) -> &str {
        self.position.checked_sub(by).and_then(|at| self.tokens.get(at)).map_or("", |token| &token.text)
    }

    /// Is the word just read, `use`, a re-export's?
    fn is_after_pub(&self) -> bool {
        self.behind(2) == "pub" || self.behind(2) == ")" && self.behind(5) == "pub"
    }

    /// Is the word just read inside of `pub(in …)`?
    fn is_in_visibility(&self) -> bool {
        self.behind(2) == "in" && self.behind(3) == "("
    }

    fn is_child(&self, name: &str) -> bool {
        self.inline.is_empty() && self.modules.contains(&[&self.module[..], &[name.to_owned()]].concat())
    }

    fn inline_path(&mut self, first: &str) -> Vec<String> {
        let mut path = vec![first.to_owned()];
        while self.ahead(0) == "::" && is_identifier(self.ahead(1)) {
            path.push(self.ahead(1).to_owned());
            self.position += 2;
        }
        path
    }

    /// One branch of `use a::{b, c::d as e};`, the position at its first word.
    fn use_tree(&mut self, prefix: &[String], is_reexport: bool) {
        let mut path = prefix.to_vec();
        let mut line = 0;
        loop {
            let token = self.tokens.get(self.position).cloned();
            let Some(token) = token else { return };
            match token.text.as_str() {
                "::" => self.position += 1,
                "{" => {
                    self.position += 1;
                    while self.ahead(0) != "}" && !self.ahead(0).is_empty() {
                        self.use_tree(&path, is_reexport);
                        self.position += usize::from(self.ahead(0) == ",");
                    }
                    self.position += 1;
                    return;
                }
                "as" => {
                    let alias = self.ahead(1).to_owned();
                    self.position += 2;
                    return self.import(&path, line, is_reexport, &alias);
                }
                "," | ";" | "}" => {
                    let name = path.last().cloned().unwrap_or_default();
                    return self.import(&path, line, is_reexport, &name);
                }
                word => {
                    line = token.line;
                    // `x::{self}` is `x`.
                    if word != "self" || path.is_empty() {
                        path.push(word.to_owned());
                    }
                    self.position += 1;
                }
            }
        }
    }

    /// Notes a path if it leads into this crate.
    fn import(&mut self, path: &[String], line: usize, is_reexport: bool, name: &str) {
        let mut here = self.module.clone();
        here.extend(self.inline.iter().map(|(name, _)| name.clone()));
        let mut rest = path;
        let mut base = match rest.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("super" | "self") => here,
            Some(first) if self.is_child(first) => here,
            _ => return,
        };
        while let Some(first) = rest.first() {
            match first.as_str() {
                "super" => drop(base.pop()),
                "crate" | "self" => {}
                _ => break,
            }
            rest = &rest[1..];
        }
        base.extend(rest.iter().filter(|word| *word != "*").cloned());
        // What an inline module takes from its own file is no import.
        if !base.is_empty() && base != self.module {
            self.imports.push(Import { path: base, line, is_reexport, name: name.to_owned() });
        }
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::`, and single signs; no comments, and of texts and characters only that there was one.
fn tokenize(source: &str) -> Vec<Token> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let rest = &source[at..];
        let (length, text) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (block_comment(rest), None)
        } else if let Some(length) = raw_text(rest).or_else(|| quoted(rest)) {
            (length, Some("\"".to_owned()))
        } else if rest.starts_with("::") {
            (2, Some("::".to_owned()))
        } else {
            let word = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len());
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let length = word.max(first);
            (length, Some(rest[..length].to_owned()).filter(|text| !text.trim().is_empty()))
        };
        tokens.extend(text.map(|text| Token { text, line }));
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r"…"`, `r#"…"#`, `br"…"`.
fn raw_text(rest: &str) -> Option<usize> {
    let marked =
        rest.strip_prefix("br").or_else(|| rest.strip_prefix("cr")).or_else(|| rest.strip_prefix('r'))?;
    let hashes = marked.len() - marked.trim_start_matches('#').len();
    let body = marked[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |found| found + end.len());
    Some(rest.len() - body.len() + length)
}

/// The length of `"…"`, `b"…"`, `'c'`; a lifetime is not one.
fn quoted(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').or_else(|| rest.strip_prefix('c')).unwrap_or(rest);
    let prefix = rest.len() - body.len();
    let quote = body.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    if quote == '\'' {
        let mut signs = body[1..].chars();
        let is_character = signs.next()? == '\\' || signs.next() == Some('\'');
        if !is_character {
            return None;
        }
    }
    let mut escaped = false;
    let end = body[1..].find(|sign| {
        let ends = sign == quote && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    });
    Some(prefix + end.map_or(body.len(), |end| end + 2))
}

/// Leaves out what is under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_mark = tokens[at..].iter().map(|token| token.text.as_str()).take(MARK.len()).eq(MARK);
        if !is_mark {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        for token in &tokens[at + MARK.len()..] {
            at += 1;
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token.text.as_str(), ";" | "}") {
                break;
            }
        }
        at += MARK.len();
    }
    kept
}

// The checker is checked.

/// Checks one file among neighbours that are in order.
fn findings_in(path: &str, text: &str) -> Vec<String> {
    let mut files = vec![
        ("lib.rs", "mod clock; mod ids; mod record; mod trace; mod exporters; pub use trace::Span;"),
        ("clock.rs", "pub struct Clock;"),
        ("ids/mod.rs", "mod span; pub use span::SpanId;"),
        ("ids/span.rs", "pub struct SpanId;"),
        ("record/mod.rs", "mod batch; pub use batch::Batch;"),
        ("record/batch.rs", "use crate::ids::SpanId; pub struct Batch;"),
        ("trace/mod.rs", "mod span; mod local; pub use span::Span; pub use local::Local;"),
        ("trace/span.rs", "use super::local::Local; pub struct Span;"),
        ("trace/local.rs", "pub struct Local;"),
        ("exporters/mod.rs", "use crate::record::Batch;"),
    ];
    assert_eq!(check(&files), Vec::<String>::new(), "the neighbours are in order");
    files.retain(|(known, _)| *known != path);
    files.push((path, text));
    check(&files)
}

#[track_caller]
fn finds(path: &str, text: &str, expected: &str) {
    let findings = findings_in(path, text);
    assert!(findings.iter().any(|finding| finding.contains(expected)), "{expected:?} is not in {findings:?}");
}

#[track_caller]
fn finds_nothing(path: &str, text: &str) {
    assert_eq!(findings_in(path, text), Vec::<String>::new());
}

#[test]
fn upward_and_sideways_imports_are_found() {
    finds(
        "record/batch.rs",
        "\nuse crate::trace::Span;",
        "src/record/batch.rs:2: `record` (floor 2) imports `trace` (floor 4) above it",
    );
    finds("exporters/mod.rs", "use crate::trace::Span;", "`exporters` imports `trace` beside it (floor 4)");
    finds("ids/span.rs", "use crate::clock::Clock;", "`ids` imports `clock` beside it (floor 0)");
    finds("record/batch.rs", "use crate::Span;", "`crate::Span` is imported from the top");
}

#[test]
fn every_way_to_write_an_import_is_read() {
    let expected = "`record` (floor 2) imports `trace` (floor 4) above it";
    for text in [
        "use crate::{ids::SpanId,\n    trace::{local::Local, Span as Other},\n};",
        "pub(crate) use crate::trace::*;",
        "fn f() { let _ = crate::trace::Span::new(); }",
        "fn f() -> Vec<crate::trace::Span> { vec![] }",
        "use super::super::trace::Span;",
        "mod inner { use super::super::super::trace::Span; }",
        "mod inner { mod more {} } use crate::trace::Span;",
        "const TEXT: &str = \"\\\"\"; const C: char = '\"'; use crate::trace::Span;",
        "fn f<'a>(x: &'a str) -> impl Copy + use<'a> { x } use crate::trace::Span;",
        "macro_rules! m { () => { $crate::trace::Span } }",
        "const R: &str = r#\"\"\"#; use crate::trace::Span;",
    ] {
        finds("record/batch.rs", text, expected);
    }
}

#[test]
fn what_is_no_import_is_not_found() {
    for text in [
        "// use crate::trace::Span;",
        "/* /* */ use crate::trace::Span; */",
        "/// See [`Span`](crate::trace::Span).\nstruct A;",
        "const TEXT: &str = \"use crate::trace::Span;\";",
        "const TEXT: &str = r##\"\"# use crate::trace::Span;\"##;",
        "#[cfg(test)]\nmod tests { use crate::trace::Span; fn f() { {} } }",
        "#[cfg(test)] use crate::trace::Span;",
        "pub(in crate::record) struct A;",
        "use std::{trace::Span, ids};",
        "use crate::{ids::{self, SpanId}, clock::Clock};",
    ] {
        finds_nothing("record/batch.rs", text);
    }
}

#[test]
fn circles_are_found_through_re_exports_too() {
    let circle = "a circle in `trace`: span → local → span";
    finds("trace/local.rs", "use super::span::Span;", circle);
    finds("trace/local.rs", "use super::Span;", circle);
    finds("trace/local.rs", "fn f(_: crate::trace::Span) {}", circle);
    finds_nothing(
        "trace/mod.rs",
        "mod span; pub use {local::Local, span::Span}; mod local; trait A { fn f() -> Span; }",
    );
    // What `mod.rs` defines itself may be used below it, unless it uses the user.
    finds_nothing("trace/local.rs", "use super::Top; pub struct Local;");
}

#[test]
fn a_circle_through_mod_rs_is_found() {
    let files = [
        ("trace/mod.rs", "mod span; pub use span::Span; pub trait Top { fn f() -> Span; }"),
        ("trace/span.rs", "use super::Top; pub struct Span;"),
    ];
    let findings = check(&files);
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("src/trace/mod.rs:1: a circle in `trace`: mod → span → mod")),
        "{findings:?}"
    );
}

#[test]
fn folders_inside_a_folder_keep_apart() {
    let files = [
        ("middleware/mod.rs", "mod client; mod server; mod shared;"),
        ("middleware/shared.rs", ""),
        ("middleware/client/mod.rs", "mod layer;"),
        ("middleware/client/layer.rs", "use crate::middleware::{server, shared};"),
        ("middleware/server/mod.rs", "mod layer;"),
        ("middleware/server/layer.rs", "use super::super::shared;"),
    ];
    let expected = "src/middleware/client/layer.rs:1: `middleware::client` imports the folder `middleware::server` beside it";
    assert_eq!(check(&files), [expected]);
}

#[test]
fn names_are_checked() {
    finds("surprise.rs", "", "`surprise` has no floor");
    for path in ["util.rs", "trace/util.rs", "tower/mod.rs", "http.rs", "error.rs"] {
        finds(path, "", "no module is called");
    }
    finds_nothing("trace/error.rs", "");
}
