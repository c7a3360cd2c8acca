package watch

// Figures are how one Monitor does, at one moment.
type Figures struct {
	Missed  uint64 // ticks that passed without a check
	Pending int64  // kept events that Kafka has not got yet; 0 without brokers
}

func (w *watcher) stats() Figures { return Figures{Missed: w.monitor.Missed(), Pending: w.waiting()} }
