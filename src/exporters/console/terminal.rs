//! What the other end of a console can do (floor 4): colours, width, characters.

use std::{ffi::OsString, io, io::IsTerminal};

/// Whether there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorChoice {
    /// On a terminal, but not if `TERM` is `dumb`. `NO_COLOR` forbids them anywhere, and
    /// `CLICOLOR_FORCE` asks for them anywhere [no-color.org, bixense.com/clicolors].
    #[default]
    Auto,
    /// Always, whatever the environment says.
    Always,
    /// Never.
    Never,
}

/// Where a console writes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Stdout,
    Stderr,
    Other,
}

impl Stream {
    pub(super) fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
            Self::Other => false,
        }
    }

    fn columns(self) -> Option<u16> {
        let size = match self {
            Self::Stdout => terminal_size::terminal_size_of(io::stdout()),
            Self::Stderr => terminal_size::terminal_size_of(io::stderr()),
            Self::Other => None,
        };
        size.map(|(columns, _)| columns.0)
    }
}

pub(super) fn wants_colors(
    choice: ColorChoice,
    is_terminal: bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") && variable("CLICOLOR_FORCE") != Some("0".into()) => {
            true
        }
        ColorChoice::Auto => is_terminal && variable("TERM") != Some("dumb".into()),
    }
}

pub(super) fn width(stream: Stream, variable: impl Fn(&str) -> Option<OsString>) -> u16 {
    const OTHERWISE: u16 = 100;
    let set = || variable("COLUMNS")?.to_str()?.parse().ok();
    stream.columns().or_else(set).filter(|columns| *columns > 0).unwrap_or(OTHERWISE)
}

/// The first of the three that is set decides [POSIX, 8.2]. If none is, UTF-8 is taken for granted:
/// containers set none, and their logs are read on terminals that know it.
pub(super) fn takes_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment of `NAME=value` pairs.
    fn environment(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn colors_are_for_terminals_unless_the_environment_says_otherwise() {
        use ColorChoice::{Always, Auto, Never};
        let no_color = &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
        for (choice, is_terminal, pairs, expected) in [
            (Auto, true, &[][..], true),
            (Auto, false, &[], false),
            (Auto, true, &[("TERM", "dumb")], false),
            (Auto, true, &[("TERM", "xterm")], true),
            (Auto, true, &[("NO_COLOR", "")], true),
            (Auto, true, no_color, false),
            (Auto, false, &[("CLICOLOR_FORCE", "1")], true),
            (Auto, false, &[("CLICOLOR_FORCE", "0")], false),
            (Always, false, no_color, true),
            (Never, true, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            assert_eq!(
                wants_colors(choice, is_terminal, environment(pairs)),
                expected,
                "{choice:?} {pairs:?}"
            );
        }
    }

    #[test]
    fn without_a_terminal_the_width_is_that_of_columns() {
        assert_eq!(width(Stream::Other, environment(&[("COLUMNS", "72")])), 72);
        assert_eq!(width(Stream::Other, environment(&[("COLUMNS", "0")])), 100);
        assert_eq!(width(Stream::Other, environment(&[("COLUMNS", "wide")])), 100);
        assert_eq!(width(Stream::Other, environment(&[])), 100);
    }

    #[test]
    fn only_a_locale_that_is_set_forbids_utf8() {
        assert!(takes_utf8(environment(&[])));
        assert!(takes_utf8(environment(&[("LANG", "de_DE.UTF-8")])));
        assert!(takes_utf8(environment(&[("LC_ALL", ""), ("LANG", "C.utf8")])));
        assert!(!takes_utf8(environment(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(!takes_utf8(environment(&[("LC_CTYPE", "de_DE.ISO-8859-1")])));
    }
}
