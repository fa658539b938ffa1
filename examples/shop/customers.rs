//! The customers: plain HTTP clients that know nothing of tracing.

use crate::{BoxError, services::Order};
use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::net::SocketAddr;

struct Customer {
    connections: Client<HttpConnector, Full<Bytes>>,
    gateway: SocketAddr,
}

/// Sends all the orders of a day, one after the other.
pub async fn visit(gateway: SocketAddr) -> Result<(), BoxError> {
    let customer = Customer { connections: Client::builder(TokioExecutor::new()).build_http(), gateway };
    customer.order("lamp", 4_900, "4242 4242 4242 4242").await?;
    customer.order("chair", 12_900, "4000 0000 0000 0000").await?;
    customer.order("piano", 349_900, "4242 4242 4242 4242").await?;
    customer.read_invoice(7).await?;
    customer.hang_up_amid_invoice(8).await
}

/// Sends so many orders of which there is nothing to say.
pub async fn crowd(gateway: SocketAddr, orders: usize) -> Result<(), BoxError> {
    let customer = Customer { connections: Client::builder(TokioExecutor::new()).build_http(), gateway };
    for _ in 0..orders {
        customer.order("lamp", 4_900, "4242 4242 4242 4242").await?;
    }
    Ok(())
}

impl Customer {
    async fn order(&self, item: &str, cents: i64, card: &str) -> Result<(), BoxError> {
        let order = Order { item: item.to_owned(), cents, card: card.to_owned() };
        let request = Request::post(format!("http://{}/orders", self.gateway))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(serde_json::to_vec(&order)?))?;
        let answer = self.connections.request(request).await?;
        answer.into_body().collect().await?;
        Ok(())
    }

    async fn read_invoice(&self, id: u32) -> Result<(), BoxError> {
        self.ask_for_invoice(id).await?.collect().await?;
        Ok(())
    }

    async fn hang_up_amid_invoice(&self, id: u32) -> Result<(), BoxError> {
        let mut pages = self.ask_for_invoice(id).await?;
        for _ in 0..2 {
            pages.frame().await.transpose()?;
        }
        // Dropping an unread body closes the connection.
        drop(pages);
        Ok(())
    }

    async fn ask_for_invoice(&self, id: u32) -> Result<Incoming, BoxError> {
        let request =
            Request::get(format!("http://{}/orders/{id}/invoice", self.gateway)).body(Full::default())?;
        Ok(self.connections.request(request).await?.into_body())
    }
}

/// Says how to be a customer.
pub fn invite(gateway: SocketAddr) {
    println!("The shop is open. Order something, with ids of your own if you like:\n");
    println!("  curl -i http://{gateway}/orders \\");
    println!("       -H 'content-type: application/json' \\");
    println!("       -H 'x-request-id: my-order-1' \\");
    println!("       -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \\");
    println!("       -d '{{\"item\": \"lamp\", \"cents\": 4900, \"card\": \"4242 4242 4242 4242\"}}'\n");
    println!("A card that ends in 0000 is declined; a piano is slow; /orders/7/invoice takes its time.");
    println!("Ctrl-C closes the shop.\n");
}
