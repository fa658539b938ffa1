//! How pictures are drawn (floor 3): width, colours, characters.

/// How [`Trace::render`](super::Trace::render) and [`Performance::render`](super::Performance::render)
/// draw.
///
/// ```
/// use throughline::analysis::RenderOptions;
///
/// let options = RenderOptions::new().width(120).colors(true);
/// ```
#[derive(Clone, Debug)]
pub struct RenderOptions {
    pub(super) width: usize,
    pub(super) colors: bool,
    pub(super) ascii: bool,
    pub(super) max_spans: usize,
}

impl RenderOptions {
    /// 100 columns, no colours, Unicode, at most 1,000 spans of a trace.
    pub const fn new() -> Self {
        Self { width: 100, colors: false, ascii: false, max_spans: 1_000 }
    }

    /// The columns there are. No line is wider; below about 50 the bars go, and then the rest is cut.
    /// 0 counts as 1.
    #[must_use]
    pub fn width(mut self, columns: u16) -> Self {
        self.width = usize::from(columns.max(1));
        self
    }

    /// With ANSI colours. Nothing is told by colour alone.
    #[must_use]
    pub const fn colors(mut self, colors: bool) -> Self {
        self.colors = colors;
        self
    }

    /// With nothing but ASCII, for terminals that know no other characters: bars are less exact, and
    /// characters of names are written as `\u{e9}`.
    #[must_use]
    pub const fn ascii(mut self, ascii: bool) -> Self {
        self.ascii = ascii;
        self
    }

    /// How many spans of one trace are drawn; a last line counts the others. Default: 1,000.
    #[must_use]
    pub const fn max_spans(mut self, spans: usize) -> Self {
        self.max_spans = spans;
        self
    }
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What a piece of text looks like where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Dim,
    Bad,
    Warn,
    /// The name of the trace's n-th service.
    Service(usize),
    Bar(Ink),
    /// A bar's cell with foreground and background exchanged.
    Reverse(Ink),
}

/// What a bar is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink {
    color: u8,
    faint: bool,
}

const RED: u8 = 31;
const YELLOW: u8 = 33;
/// Red is missing: it means an error, wherever it is seen.
const SERVICES: [u8; 8] = [36, 35, 32, 94, YELLOW, 96, 95, 92];

impl Paint {
    /// The parameters of the ANSI sequence that switches it on; empty for plain text.
    pub(super) fn code(self) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Strong => "1".to_owned(),
            Self::Dim => "2".to_owned(),
            Self::Bad => format!("1;{RED}"),
            Self::Warn => YELLOW.to_string(),
            Self::Service(index) => format!("1;{}", service_color(index)),
            Self::Bar(ink) => ink.code(),
            Self::Reverse(ink) => format!("7;{}", ink.code()),
        }
    }
}

impl Ink {
    pub(super) const BAD: Self = Self { color: RED, faint: false };

    /// The colour of the trace's n-th service.
    pub(super) fn service(index: usize) -> Self {
        Self { color: service_color(index), faint: false }
    }

    /// The same, less bright or not.
    pub(super) const fn faint(self, faint: bool) -> Self {
        Self { faint, ..self }
    }

    fn code(self) -> String {
        if self.faint { format!("2;{}", self.color) } else { self.color.to_string() }
    }
}

fn service_color(index: usize) -> u8 {
    SERVICES.get(index % SERVICES.len()).copied().unwrap_or(YELLOW)
}
