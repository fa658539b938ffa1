//! The five services. Each is an axum router with one `ServerLayer`, and clients with `ClientLayer`.

use crate::{
    BoxError,
    registry::{Registry, RequestBody, ResponseBody, ServiceClient, send},
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{MatchedPath, Path, State},
    http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::IntoResponse,
    routing::{get, post},
};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use throughline::{
    Instrument, Span, Status, Tracer, instrument,
    middleware::{ServerLayer, UrlTemplate, trust::Trust},
};
use tokio::{net::TcpListener, time::sleep};

/// How long the gateway waits for `orders`, an attempt.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long `orders` waits for those it asks, an attempt.
const IMPATIENCE: Duration = Duration::from_millis(120);

/// What a customer wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub item: String,
    pub cents: i64,
    pub card: String,
}

/// Starts a service on a free port; the services it calls have to be there already, or come later.
pub async fn start(name: &'static str, tracer: &Tracer, registry: &Registry) -> Result<SocketAddr, BoxError> {
    let patience = if name == "gateway" { PATIENCE } else { IMPATIENCE };
    let calls = Calls { tracer: tracer.clone(), registry: registry.clone(), patience };
    let routes = match name {
        "gateway" => gateway(calls),
        "orders" => orders(calls),
        "inventory" => inventory(),
        "payment" => payment(),
        _ => shipping(),
    };
    // The gateway stands at the edge: what its callers say of their traces is a link, no more.
    let trust = if name == "gateway" { Trust::Restart } else { Trust::Continue };
    let app = routes.layer(ServerLayer::new(tracer).route(matched_path).server_timing(true).trust(trust));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// The route's template. With throughline's feature `axum` the layer finds it by itself.
fn matched_path(head: &Parts) -> Option<Cow<'static, str>> {
    let matched: &MatchedPath = head.extensions.get()?;
    Some(matched.as_str().to_owned().into())
}

/// A service's way to the others. A client is made when it is first needed: by then, all are registered.
#[derive(Clone)]
struct Calls {
    tracer: Tracer,
    registry: Registry,
    patience: Duration,
}

impl Calls {
    fn client(&self, service: &'static str) -> ServiceClient {
        self.registry.client(service, &self.tracer, self.patience)
    }

    async fn post(
        &self,
        service: &'static str,
        path: &'static str,
        body: &(impl Serialize + Sync),
    ) -> Result<Response<ResponseBody>, BoxError> {
        let body = RequestBody::from(serde_json::to_vec(body)?);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .extension(UrlTemplate(path.into()))
            .body(body)?;
        send(self.client(service), request).await
    }
}

/// An answer that failed elsewhere, as the caller sees it.
struct Failure(StatusCode, Value);

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Span::current().record_error_fmt("upstream", format_args!("{error}"));
        Self(StatusCode::BAD_GATEWAY, json!({ "error": "a service did not answer" }))
    }
}

/// Reads a JSON answer; one that says no becomes this service's own answer.
async fn read(response: Response<ResponseBody>) -> Result<Value, Failure> {
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|error| Failure::from(BoxError::from(error)))?;
    let answer = serde_json::from_slice(&bytes.to_bytes()).unwrap_or(Value::Null);
    if status.is_success() { Ok(answer) } else { Err(Failure(status, answer)) }
}

fn gateway(calls: Calls) -> Router {
    async fn order(State(calls): State<Calls>, Json(order): Json<Order>) -> Result<Json<Value>, Failure> {
        let answer = calls.post("orders", "/orders", &order).await?;
        Ok(Json(read(answer).await?))
    }

    async fn invoice(State(calls): State<Calls>, Path(id): Path<u32>) -> Result<Response<Body>, Failure> {
        let request = Request::get(format!("/orders/{id}/invoice"))
            .extension(UrlTemplate("/orders/{id}/invoice".into()))
            .body(RequestBody::default());
        let request = request.map_err(|error| Failure::from(BoxError::from(error)))?;
        let answer = send(calls.client("orders"), request).await?;
        // Passed on as it comes: the span of the call stays open until the last page.
        Ok(Response::new(Body::new(answer.into_body())))
    }

    Router::new().route("/orders", post(order)).route("/orders/{id}/invoice", get(invoice)).with_state(calls)
}

fn orders(calls: Calls) -> Router {
    async fn order(State(calls): State<Calls>, Json(order): Json<Order>) -> Result<Json<Value>, Failure> {
        Span::current().set_attribute("order.item", &order.item).set_attribute("order.cents", order.cents);
        read(calls.post("inventory", "/reservations", &json!({ "item": order.item })).await?).await?;
        read(calls.post("payment", "/charges", &order).await?).await?;
        let shipment =
            read(calls.post("shipping", "/shipments", &json!({ "item": order.item })).await?).await?;
        Ok(Json(json!({ "item": order.item, "state": "confirmed", "shipment": shipment })))
    }

    async fn invoice(Path(id): Path<u32>) -> Body {
        Span::current().set_attribute("order.id", id);
        Body::from_stream(Pages { next: 1, timer: Box::pin(sleep(Duration::ZERO)) })
    }

    Router::new().route("/orders", post(order)).route("/orders/{id}/invoice", get(invoice)).with_state(calls)
}

/// An invoice that comes page by page.
struct Pages {
    next: u32,
    timer: std::pin::Pin<Box<tokio::time::Sleep>>,
}

impl futures_core::Stream for Pages {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        const PAGES: u32 = 6;
        std::task::ready!(self.timer.as_mut().poll(context));
        if self.next > PAGES {
            return None.into();
        }
        let page = format!("page {} of {PAGES}\n", self.next);
        self.next += 1;
        self.timer = Box::pin(sleep(Duration::from_millis(40)));
        Some(Ok(page.into())).into()
    }
}

fn inventory() -> Router {
    #[instrument(name = "SELECT stock", kind = "client", fields(db.system.name = "postgresql"))]
    async fn look_up(item: &str) -> u32 {
        sleep(Duration::from_millis(6)).await;
        item.len() as u32
    }

    async fn reserve(Json(order): Json<Value>) -> Json<Value> {
        let item = order["item"].as_str().unwrap_or_default();
        let stock = look_up(item).await;
        async {
            sleep(Duration::from_millis(3)).await;
            Span::current().set_attribute("stock.left", stock.saturating_sub(1));
        }
        .instrument(Span::new("UPDATE stock"))
        .await;
        Json(json!({ "reserved": item }))
    }

    Router::new().route("/reservations", post(reserve))
}

fn payment() -> Router {
    async fn charge(Json(order): Json<Order>) -> Result<Json<Value>, Failure> {
        sleep(Duration::from_millis(9)).await;
        if order.card.ends_with("0000") {
            let span = Span::current();
            span.add_event("card declined", &[("cents", order.cents.into())]);
            span.set_attribute("error.type", "card_declined").set_status(Status::error("card declined"));
            return Err(Failure(StatusCode::PAYMENT_REQUIRED, json!({ "error": "card declined" })));
        }
        Ok(Json(json!({ "charged": order.cents })))
    }

    Router::new().route("/charges", post(charge))
}

fn shipping() -> Router {
    /// The first attempt to ship a piano takes longer than anyone waits.
    async fn ship(State(pianos): State<Arc<AtomicU32>>, Json(order): Json<Value>) -> Json<Value> {
        let is_slow = order["item"] == "piano" && pianos.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let packing = if is_slow { IMPATIENCE * 3 } else { Duration::from_millis(12) };
        sleep(packing).instrument(Span::new("pack")).await;
        Json(json!({ "carrier": "bicycle" }))
    }

    Router::new().route("/shipments", post(ship)).with_state(Arc::new(AtomicU32::new(0)))
}
