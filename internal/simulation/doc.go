// Package simulation runs a Monitor in memory through random faults, many times, and lets
// the oracle verify each run. It holds only tests.
//
// The Monitor is the real one: monitor, probe, uplink and outbox, joined as watch joins
// them. Around it, under testing/synctest, are an Engine and a Central on a network in
// memory, a reader in place of Kafka and its topic, and a disk that can refuse, hang,
// and be cut off when the process is killed. A seed decides which fault begins when.
// Time is virtual, so ten minutes of faults take less than a second. The interval is one
// second, as in production.
//
// What is real: every event goes through SQLite on files. A kill cuts off the disk
// between any two writes, then the network and the topic, and the next process starts
// from a copy of the files as they were. What is not: syncs do nothing, since only the
// process dies, never the machine; the wall clock can't be set, and after a sleep it is
// behind, which the Monitor records as a step back; a process can't be paused; bytes lost
// in a black hole are not retransmitted. The fault campaign with real processes covers
// these.
//
// No process is killed while the disk refuses or hangs, except in one test: events in
// memory are lost then, as specified, and the oracle has no rule for that.
//
// A seed repeats the schedule of faults. The jitter of Central's backoff and the order of
// simultaneous steps differ from run to run.
package simulation
