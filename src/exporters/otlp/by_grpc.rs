//! The setting that chooses gRPC (floor 4).

use super::{builder::OtlpBuilder, grpc::GRPC};

impl OtlpBuilder {
    /// Sends by gRPC instead of by HTTP: as protobuf, to `http://localhost:4317` if nothing else is said. Of an
    /// endpoint's URL, the path and the query are left out.
    ///
    /// All other settings mean what they mean for HTTP. [`header`](Self::header)s are sent as metadata, in which names
    /// that begin with `grpc-` are gRPC's own; the server is told the [`timeout`](Self::timeout). Whichever of
    /// this and [`encoding`](Self::encoding) is called last counts.
    ///
    /// The exporter has a `tokio` runtime of its own, which it runs on the thread that calls it and only as long as
    /// a request takes; the application needs none.
    ///
    /// ```
    /// use throughline::exporters::{Otlp, SetupError};
    ///
    /// let otlp = Otlp::builder().grpc().endpoint("http://localhost:4317").gzip(true).build()?;
    /// # Ok::<(), SetupError>(())
    /// ```
    pub fn grpc(self) -> Self {
        self.change(|config| {
            config.set_protocol(GRPC);
            Ok(())
        })
    }
}
