// Package engine is a simulated EV_CP_E: the program that drives a charge point,
// as its Monitor sees it, with faults on command.
//
// An Engine serves any number of connections at once and answers the Monitor's
// two questions, "monitor connection" and "health_check", raw or as lines, each
// in the framing it came in. What is no message of a Monitor is answered with
// "KO unknown message". At most wire.MaxMessage bytes are held for a connection.
//
// What it does with a question is a Behaviour, a value from a table, exchanged
// while the Engine runs. The rules of an exchange:
//
//   - A question gets the behaviour that is in force when it comes, whatever
//     follows: "slow" still answers late, "mute" never does, after either has
//     ended. That is how a real Engine recovers, and a Monitor must bear it.
//   - A drip ends with its behaviour, and its connection with it.
//   - "refuse" cuts everything at once: the listening socket and all connections.
//     When it ends the same port is opened again; if somebody else took it in the
//     meantime, the Engine says so and keeps trying.
//   - Every exchange of behaviour begins the turns of "intermittent" and
//     "delayed-ko" anew. Only health checks count as turns.
//
// All methods of an Engine may be called by any goroutine at any time.
package engine
