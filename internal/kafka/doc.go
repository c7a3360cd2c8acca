// Package kafka carries events from a cursor of the outbox to a topic, for ever.
//
// Delivery is at least once and in order for each charge point. The cursor moves
// when the brokers have acknowledged a whole run; after any error it goes back and
// whole runs are sent again. While Kafka is away nothing is lost and nothing
// waits: the outbox keeps, and this package keeps trying, with full jitter capped
// at 5 s.
//
// One shipment is under way at a time, and it is at most one batch for each
// partition: when a broker turns a batch down, nothing later has overtaken it.
// Records hold the very bytes of the outbox, keyed by charge point and dated by
// the event.
//
// One client serves for as long as every record that it was given has been
// acknowledged, through any number of tries to reach a broker: while Kafka is away
// for days a try costs a dial and little else. After a shipment that failed the
// next try makes a new client, and until something is delivered a broker that
// merely answers does not count as back.
//
// What the client library must not do is ruled out here: no record retries and no
// delivery timeout, and no produce context is ever cancelled, since each can
// acknowledge a record that was never written.
package kafka
