//! Putting the pipeline together (floor 3): for each delivery its way, and the threads it takes.

use super::{
    Delivery, Queue,
    attempt::Sender,
    inlet::{Destination, Inlet, Shelter, Single, Task, Terms},
    worker::Worker,
};
use std::{path::PathBuf, sync::Arc};

/// The pipeline behind the collector.
pub(crate) struct Assembly {
    pub(crate) inlets: Vec<Arc<dyn Inlet>>,
    pub(crate) tasks: Vec<Task>,
}

/// Two deliveries of one name go through one directory of a spool: a later process could not tell
/// what is for which of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "two exporters share a spool under the name {name:?}: give each a name of its own with Delivery::named, which \
     differs in letters or digits, whatever their case"
)]
pub struct SameName {
    name: String,
}

/// Builds what these deliveries need. Those with one shelter share an inlet.
pub(crate) fn assemble(deliveries: Vec<Delivery>, terms: &Terms) -> Result<Assembly, SameName> {
    let mut taken: Vec<(PathBuf, String)> = Vec::new();
    let mut assembly = Assembly { inlets: Vec::new(), tasks: Vec::new() };
    let mut sheltered: Vec<(Arc<dyn Shelter>, Vec<Destination>)> = Vec::new();
    for (place, delivery) in deliveries.into_iter().enumerate() {
        let name = delivery.name().to_owned();
        let Delivery { exporter, filter, shelter, .. } = delivery;
        let destination = Destination { place, name, sender: Sender::new(exporter, filter) };
        let Some(shelter) = shelter else {
            assembly.add_single(destination, terms);
            continue;
        };
        let place = shelter.place_of(&destination.name);
        if taken.contains(&place) {
            return Err(SameName { name: destination.name });
        }
        taken.push(place);
        match sheltered.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &shelter)) {
            Some((_, destinations)) => destinations.push(destination),
            None => sheltered.push((shelter, vec![destination])),
        }
    }
    for (shelter, destinations) in sheltered {
        let (inlet, tasks) = shelter.open(destinations, terms);
        assembly.inlets.push(inlet);
        assembly.tasks.extend(tasks);
    }
    Ok(assembly)
}

impl Assembly {
    fn add_single(&mut self, destination: Destination, terms: &Terms) {
        let queue = Arc::new(Queue::new(destination.name, terms.limits));
        self.inlets.push(Arc::new(Single {
            place: destination.place,
            queue: queue.clone(),
            abort: destination.sender.abort_handle(),
        }));
        let worker = Worker {
            sender: destination.sender,
            queue,
            resource: terms.resource.clone(),
            retry: terms.retry.clone(),
            diagnostics: terms.diagnostics.clone(),
            panics: 0,
        };
        self.tasks.push(Task { name: "tl-exporter", body: Box::new(move || worker.run()) });
    }
}
