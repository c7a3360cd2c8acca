// Package demo is the five-minute tour: six charge points, each with an Engine
// and a Monitor of its own, Central with its page, and a Kafka-compatible broker
// on disk, all real, all in one process, on loopback sockets.
//
// A story, which is data, makes the faults; keys make more of them. What happens
// is told from what the parts say: Central its changes of state, the Monitors
// their events, the topic its records. Every figure of the summary is counted
// from these, and held against what the Engines know that they answered.
//
// Nothing survives: all files lie in one temporary folder, which Run removes. A
// demo that was killed leaves that folder and nothing else. What the terminal
// holds up (Ctrl-S) waits for it alone; checks and counts go on.
package demo
