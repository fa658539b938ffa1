//! Kinds of secrets (floor 0).

/// A kind of secret that throughline knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Secret {
    /// The value of an attribute that records a header which carries credentials, such as
    /// `http.request.header.authorization`.
    Header,
    /// The value of an attribute whose key says that it is a secret, such as `db.password`.
    Key,
    /// A PEM block with a private key [RFC 7468], its end missing or not.
    PrivateKey,
    /// A JSON Web Token, signed or encrypted [RFC 7519].
    Jwt,
    /// What follows `Bearer` or `Basic` [RFC 6750; RFC 7617], the space between percent-encoded or not.
    Credentials,
    /// A key that its provider has made recognisable by how it begins, such as `ghp_` or `AKIA`.
    ApiKey,
    /// User name and password in a URL [RFC 3986, 3.2.1], the URL percent-encoded or not.
    UserInfo,
    /// An e-mail address. Off unless switched on.
    Email,
    /// The number of a payment card: 13 to 19 digits, together or in groups with the same between all of them,
    /// such as a space or a hyphen, that begin with 2 to 6 or 8 and pass the check of ISO/IEC 7812. As an integer
    /// or a float, 14 to 16 digits: longer ones are ids.
    Card,
    /// The value of a query parameter whose name says that it is a secret, such as `token`, the query
    /// percent-encoded within another one or not.
    Query,
    /// The same elsewhere in a text, as programs print it: `password=…`, `"password": "…"`, `--password …`,
    /// `<password>…</password>`, `Login { password: Some("…") }`, `Cookie: …`.
    Assignment,
}

impl Secret {
    pub(crate) const COUNT: usize = 11;
    /// All kinds; those in texts in the order in which they are looked for.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Header,
        Self::Key,
        Self::PrivateKey,
        Self::Jwt,
        Self::Credentials,
        Self::ApiKey,
        Self::UserInfo,
        Self::Email,
        Self::Card,
        Self::Query,
        Self::Assignment,
    ];

    /// The kind in lowercase words, such as `private key`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Key => "key",
            Self::PrivateKey => "private key",
            Self::Jwt => "jwt",
            Self::Credentials => "credentials",
            Self::ApiKey => "api key",
            Self::UserInfo => "user info",
            Self::Email => "email",
            Self::Card => "card",
            Self::Query => "query",
            Self::Assignment => "assignment",
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secrets(u16);

impl Secrets {
    pub(crate) const NONE: Self = Self(0);
    /// All but e-mail addresses, which many spans carry by intention.
    pub(crate) const USUAL: Self = Self((1 << Secret::COUNT) - 1).without(Secret::Email);

    pub(crate) const fn with(self, kind: Secret) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// With it, if that is so; without a branch.
    pub(crate) const fn with_if(self, is_so: bool, kind: Secret) -> Self {
        Self(self.0 | (is_so as u16) << kind as u16)
    }

    /// Those that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn without(self, kind: Secret) -> Self {
        Self(self.0 & !(1 << kind as u16))
    }

    pub(crate) const fn has(self, kind: Secret) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Its kinds in the order of [`Secret::ALL`].
    pub(crate) fn iter(self) -> impl Iterator<Item = Secret> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let kind = Secret::ALL.get(rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(*kind)
        })
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How many of each kind have been found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found([u32; Secret::COUNT]);

impl Found {
    pub(crate) fn add(&mut self, kind: Secret, count: u32) {
        if let Some(known) = self.0.get_mut(kind as usize) {
            *known = known.saturating_add(count);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Secret, u32)> + '_ {
        Secret::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}
