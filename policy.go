package evcp

import "time"

// Policy decides when failed checks become an incident, and makes the events. Charge
// points of one process may share a Policy or have their own.
type Policy struct {
	Fall     uint32 // failures in a row that open an incident; at least 1
	Rise     uint32 // OKs in a row that close it; at least 1
	Instance string // which Monitor makes the events; stands in each of them
	Site     string // where the charge point is; stands in the events of its settings and incidents
	// Interval and Timeout are those of the checks. They stand in monitor_started and
	// settings_changed, and say how long a streak may pause: see State.StreakPause.
	Interval, Timeout time.Duration
}

// jitter is how far an observation may be dated before the last event while the wall
// clock was not set: two goroutines read the clock in one order and deliver in the
// other. An observation dated further back means that the clock was set back.
const jitter = time.Second

// Next applies one observation to the state of its charge point. It returns the new
// state, and out with the events that record the change, numbered and dated. It
// allocates nothing when out has room.
func (p Policy) Next(s State, o Observation, out []Event) (State, []Event) {
	j := judgement{policy: p, state: s, o: o, out: out}
	j.clock()
	switch o.Kind {
	case Started:
		j.emit(Event{
			Action: MonitorStarted, Version: o.Version, Resumed: s.Epoch != 0, LastKept: s.At,
			Interval: p.Interval, Timeout: p.Timeout, Fall: p.Fall, Rise: p.Rise, Site: p.Site,
		})
	case Reconfigured:
		j.emit(Event{Action: SettingsChanged, Interval: p.Interval, Timeout: p.Timeout, Fall: p.Fall, Rise: p.Rise, Site: p.Site})
	case Stopping:
		j.emit(Event{Action: MonitorStopped, Reason: o.Reason})
	case Checked:
		j.check()
	case Greeted:
		j.emit(Event{Action: ConnectedToEngine, Response: o.Response})
	case Registering, Registered, RegistrationRefused:
		j.registration()
	case FailureReported:
		j.emit(Event{Action: ReportEngineFailure, Response: o.Response, Latency: o.Latency, Incident: o.Incident, Repeat: o.Repeat})
	case RecoveryReported:
		j.emit(Event{Action: ReportEngineRecovery, Response: o.Response, Latency: o.Latency, Incident: o.Incident})
	case StallEnded:
		j.emit(Event{Action: MonitorStalled, Span: o.Gap, Missed: o.Missed})
	case Dropped:
		j.emit(Event{
			Action: EventsDropped, DroppedEpoch: o.DroppedEpoch, From: o.From, To: o.To, Count: o.Count, Facts: o.Facts, Reason: o.Reason,
		})
	}
	return j.state, j.out
}

// judgement is the working state of one call of Next.
type judgement struct {
	policy Policy
	state  State
	o      Observation // At and Renumber change
	out    []Event
}

// emit numbers and dates an event, applies it to the state and appends it to out.
func (j *judgement) emit(e Event) {
	e.CP, e.Instance, e.At = j.o.CP, j.policy.Instance, j.o.At
	for _, d := range [...]*time.Duration{&e.Span, &e.Latency, &e.Interval, &e.Timeout} {
		*d = d.Truncate(time.Microsecond)
	}
	e.Epoch, e.Seq = j.state.Epoch, j.state.Seq+1
	if j.o.Renumber || e.Epoch == 0 {
		e.PrevEpoch, e.PrevSeq = j.state.Epoch, j.state.Seq
		e.Epoch, e.Seq = newEpoch(j.o.At, j.state.Epoch, j.o.EpochOffset), 1
		j.o.Renumber = false
	}
	if e.Action == EngineFailed {
		e.Incident = e.ID()
	}
	j.state.apply(&e)
	j.out = append(j.out, e)
}

// MaxEpochOffset bounds Observation.EpochOffset. As microseconds it is 17 s: two owners of
// one history whose clocks lag behind it choose different epochs, but for one case in
// 17 million.
const MaxEpochOffset = 1 << 24

// newEpoch is the number of a numbering that begins now: Unix microseconds. Where the
// clock is not beyond the last epoch, it is the last one + 1 + the offset. With the clock
// beyond it the offset is left out: a state that is lost seconds later would else begin a
// smaller epoch. The number stays below 2^53, so that JavaScript reads it exactly.
func newEpoch(now Stamp, last int64, offset uint32) int64 {
	if int64(now) > last {
		return int64(now)
	}
	return last + 1 + int64(offset%MaxEpochOffset)
}

// clock keeps timestamps from running backwards along seq: an observation dated
// before the last event takes that event's time, or, beyond jitter, follows a
// clock_stepped event.
func (j *judgement) clock() {
	back := j.state.At.Sub(j.o.At)
	switch {
	case j.o.Kind == ClockStepped:
		j.emit(Event{Action: ClockStep, Span: j.o.Gap})
	case back > jitter:
		j.emit(Event{Action: ClockStep, Span: -back})
	case back > 0:
		j.o.At = j.state.At
	}
}

func (j *judgement) check() {
	o := j.o.Outcome
	e := Event{Action: HealthCheck, Status: o.Status, Cause: o.Cause, Response: o.Response, Latency: o.Latency}
	fresh := !j.state.stale(j.o.At)
	switch {
	case !o.Status.Countable():
		e.Status, e.Failures = Unknown, j.state.Failures
	case o.Status.Failed() && fresh:
		e.Failures = j.state.Failures + 1
	case o.Status.Failed():
		e.Failures = 1
	}
	j.emit(e)
	if e.Status.Countable() {
		j.incident(o.Cause)
	}
}

// incident opens or closes an incident when the check just counted completes the
// streak for it.
func (j *judgement) incident(cause Cause) {
	s := &j.state
	switch {
	case !s.Incident.Open && s.Failures >= j.policy.Fall && s.Failures > 0:
		j.emit(Event{Action: EngineFailed, Since: s.FirstFailed, Cause: cause, LastOK: s.LastOK, Site: j.policy.Site})
	case s.Incident.Open && s.Oks >= j.policy.Rise && s.Oks > 0:
		i := s.Incident
		j.emit(Event{Action: EngineRecovered, Incident: i.ID, Since: i.Since, Span: j.o.At.Sub(i.Since), Site: j.policy.Site})
	}
}

// registration records a change of the registration: one request and one result for
// each outage, however many attempts it takes.
func (j *judgement) registration() {
	o, was := j.o, j.state.Central
	switch {
	case o.Kind == Registering && (was == Unregistered || was == Accepted):
		j.emit(Event{Action: RegisterToCentral})
	case o.Kind == Registered && was != Accepted:
		j.emit(Event{Action: AuthenticatedWithCentral, Response: o.Response, Latency: o.Latency})
	case o.Kind == RegistrationRefused && was != Rejected:
		j.emit(Event{Action: RegistrationRejected, Response: o.Response, Latency: o.Latency})
	}
}
