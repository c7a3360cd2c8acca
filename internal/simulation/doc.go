// Package simulation plays the life of a Monitor in memory, again and again, and
// lets the oracle judge each one. It holds only tests.
//
// The Monitor is the real one: monitor, probe, uplink and outbox, joined as watch
// joins them. Around it, under testing/synctest, stand an Engine and a Central on
// a network in memory, a reader that stands for Kafka and its topic, and a disk
// that can refuse, stand still, and end with the process. A seed decides what
// befalls whom and when. Time is virtual, so that ten minutes of faults cost less
// than a second; the promises are judged at the real pace, one check a second.
//
// What is as in the world: every event goes through SQLite on files; a kill stops
// the disk between any two writes, the network and the topic, and the next life
// begins from a copy of the files as they were. What is not: syncs do nothing (a
// process dies, never the machine), the wall clock can't be set (a machine that
// slept finds it standing, and tells a step back), a stopped process can't be had,
// and bytes lost in a black hole are not sent again. For those there is the fault
// campaign with real processes.
//
// Nobody is killed while the disk refuses or stands still, but in a test of its
// own: what is in memory only is lost then, by design, and the oracle has no word
// for that.
//
// The seed repeats the schedule. The jitter of Central's back-off and the order of
// what happens at one instant are the runtime's own.
package simulation
