package watch

// Stats are how one Monitor does, at one moment.
type Stats struct {
	Missed  uint64 // ticks that passed without a check
	Waiting int64  // kept events that Kafka has not got yet; 0 without brokers
}

func (w *watcher) stats() Stats { return Stats{Missed: w.monitor.Missed(), Waiting: w.waiting()} }
