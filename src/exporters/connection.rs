//! The settings of every exporter that sends by HTTP (floor 4), written once.

use crate::{transport::SetupError, variables::Variables};
use std::fmt;

/// Settings made in code, kept to be applied over those of the environment.
pub(super) struct Changes<C> {
    list: Vec<Change<C>>,
    /// The environment.
    pub(super) variables: Variables,
}

type Change<C> = Box<dyn FnOnce(&mut C) -> Result<(), SetupError> + Send>;

impl<C> Changes<C> {
    pub(super) fn new() -> Self {
        Self { list: Vec::new(), variables: Variables::of_process() }
    }

    pub(super) fn add(&mut self, change: impl FnOnce(&mut C) -> Result<(), SetupError> + Send + 'static) {
        self.list.push(Box::new(change));
    }

    /// What the environment says, with all changes.
    pub(super) fn apply(self, read: impl FnOnce(&Variables) -> C) -> Result<(C, Variables), SetupError> {
        let mut config = read(&self.variables);
        for change in self.list {
            change(&mut config)?;
        }
        Ok((config, self.variables))
    }
}

/// Values may be secrets.
impl<C> fmt::Debug for Changes<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.list.len())
    }
}

/// Inside the `impl` of a builder that has a method `connection`, which takes a change of the
/// [`Settings`](crate::transport::Settings).
macro_rules! connection_settings {
    () => {
        /// Sends a header with every request, such as a key of the backend. Replaces one of the same name,
        /// from the environment, too. No error, log or `Debug` shows its value.
        pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
            let (name, value) = (name.into(), value.into());
            self.connection(move |settings| settings.set_header(&name, &value))
        }

        /// The longest a request may take, from the look-up of the server's name to the last byte of its
        /// answer. Default 10 s. A request that takes longer may be tried again.
        pub fn timeout(self, timeout: Duration) -> Self {
            self.connection(move |settings| {
                settings.set_timeout(timeout);
                Ok(())
            })
        }

        /// The longest it may take to connect, TLS included. Default 5 s; never longer than
        /// [`timeout`](Self::timeout).
        pub fn connect_timeout(self, timeout: Duration) -> Self {
            self.connection(move |settings| {
                settings.set_connect_timeout(timeout);
                Ok(())
            })
        }

        /// Sends the bodies gzipped, or as they are. Default: as they are.
        pub fn gzip(self, gzip: bool) -> Self {
            self.connection(move |settings| {
                settings.set_packed(gzip);
                Ok(())
            })
        }

        /// Trusts these certificates, the text of a PEM file, instead of the system's. Only for `https`; for an
        /// `https` [`proxy`](Self::proxy), too, which so needs a certificate of the same authorities.
        pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
            let pem = pem.into();
            self.connection(move |settings| {
                settings.set_roots(pem);
                Ok(())
            })
        }

        /// Shows the server this certificate, which may be followed by those up to its authority; the texts
        /// of PEM files. Only for `https`; an `https` [`proxy`](Self::proxy) that asks for one is shown the same.
        pub fn client_certificate(
            self,
            certificate_pem: impl Into<Vec<u8>>,
            key_pem: impl Into<Vec<u8>>,
        ) -> Self {
            let (certificate, key) = (certificate_pem.into(), key_pem.into());
            self.connection(move |settings| {
                settings.set_identity(certificate, key);
                Ok(())
            })
        }

        /// Goes through the proxy of this `http` or `https` URL, which may have user info, or straight to
        /// the server, if `None`.
        ///
        /// Default: what `HTTPS_PROXY`, or `HTTP_PROXY` for a server without TLS, and then `ALL_PROXY` say,
        /// in lower case first; none for this machine and for the hosts that `NO_PROXY` names, as
        /// `example.com`, `.example.com`, an address, or a network such as `10.0.0.0/8`. The proxy is asked
        /// to `CONNECT`, without TLS, too.
        pub fn proxy(self, url: Option<&str>) -> Self {
            let url = url.map(str::to_owned);
            self.connection(move |settings| {
                settings.set_proxy(url);
                Ok(())
            })
        }

        /// Reads variables from here instead of from the process's environment.
        pub fn environment(mut self, variables: impl Fn(&str) -> Option<OsString> + Send + 'static) -> Self {
            self.changes.variables = Variables(Box::new(variables));
            self
        }
    };
}

pub(super) use connection_settings;
