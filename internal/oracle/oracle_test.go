package oracle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// TestNoViolation also checks that the scenario has enough to verify.
func TestNoViolation(t *testing.T) {
	v := oracle.Verify(newScenario().trace())
	for _, f := range v.Violations {
		t.Error(f)
	}
	if v.Checks != 76 || v.Incidents != 2 || v.Failed != 32 || v.Reports < 5 || v.EngineChecks != 76 || v.Epochs != 1 {
		t.Errorf("verified %+v", v)
	}
}

// TestPlantedBugsAreFound violates one promise at a time.
func TestPlantedBugsAreFound(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	tests := []struct {
		name  string
		plant func(*scenario)
		want  oracle.Promise
	}{
		{"a lost event", func(s *scenario) { s.remove(s.index(8, isCheck)) }, oracle.LostEvent},
		{"a lost event, long before a kill", func(s *scenario) { s.remove(s.index(34, isCheck)) }, oracle.LostEvent},
		{"a lost event of the last check before a stop", func(s *scenario) { s.receiveDown(9300 * ms) }, oracle.LostEvent},
		{"a lost event, after a kill", func(s *scenario) { s.remove(s.index(50, isCheck)) }, oracle.LostEvent},
		{"a false failure", func(s *scenario) {
			i := s.index(8, isCheck)
			s.events[i].Status, s.events[i].Cause, s.events[i].Response, s.events[i].Failures = evcp.ConnectionError, evcp.Timeout, "", 1
		}, oracle.FalseFailure},
		{"a KO that the Engine did not reply", func(s *scenario) {
			i := s.index(62, isCheck) // without a reply
			s.events[i].Status, s.events[i].Cause, s.events[i].Response = evcp.KO, evcp.SaidKO, "KO"
		}, oracle.FalseFailure},
		{"a failure too many", func(s *scenario) {
			s.events[s.index(22, isCheck)].Failures = 5
		}, oracle.FalseFailure},
		{"a late reply read as the next", func(s *scenario) {
			i := s.index(62, isCheck)
			s.events[i].Status, s.events[i].Cause, s.events[i].Response, s.events[i].Failures = evcp.OK, evcp.NoCause, "OK", 0
		}, oracle.FalseOK},
		{"a missed incident", func(s *scenario) {
			for range 3 {
				for _, a := range []evcp.Action{evcp.EngineFailed, evcp.EngineRecovered, evcp.ReportEngineFailure, evcp.ReportEngineRecovery} {
					if i := s.index(0, action(a)); i >= 0 {
						s.remove(i)
					}
				}
			}
		}, oracle.MissedIncident},
		{"an incident three checks late", func(s *scenario) {
			// The Engine failed three checks before the Monitor's first failed one.
			s.cp.Behaviours[1].At = at(4200 * ms)
			for i, q := range s.cp.EngineChecks {
				if q.Received >= at(4200*ms) && q.Received < at(5*time.Second) {
					s.cp.EngineChecks[i].Reply = "KO"
				}
			}
		}, oracle.MissedIncident},
		{"a recovery that never came", func(s *scenario) {
			s.cp.Behaviours[4].At, s.cp.Behaviours[3].At = at(16*time.Second), at(15*time.Second)
		}, oracle.MissedIncident},
		{"a report sent twice", func(s *scenario) {
			i := s.index(0, action(evcp.ReportEngineFailure))
			s.insertMessage(message(wire.EngineFailure, s.events[i].At+evcp.Stamp(time.Second.Microseconds())))
		}, oracle.DuplicateReport},
		{"a report repeated after the recovery", func(s *scenario) { s.repeatAfterRecovery(169 * ms) }, oracle.DuplicateReport},
		{"a report repeated late after the recovery, on a slow disk", func(s *scenario) {
			s.repeatAfterRecovery(300 * ms)
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.DiskFailing, From: at(10 * time.Second), To: at(13 * time.Second)})
		}, oracle.DuplicateReport},
		{"two receipts with one repeat", func(s *scenario) { s.events[s.index(1, action(evcp.ReportEngineFailure))].Repeat = 0 }, oracle.DuplicateReport},
		{"a recovery reported twice", func(s *scenario) {
			i := s.index(0, action(evcp.ReportEngineRecovery))
			s.insertMessage(message(wire.EngineRecovered, s.events[i].At+evcp.Stamp(time.Second.Microseconds())))
		}, oracle.DuplicateReport},
		{"a recovery not reported", func(s *scenario) { s.remove(s.index(0, action(evcp.ReportEngineRecovery))) }, oracle.MissingReport},
		{"a failure reported late", func(s *scenario) {
			s.events[s.index(0, action(evcp.ReportEngineFailure))].At += evcp.Stamp(time.Second.Microseconds())
		}, oracle.MissingReport},
		{"an open incident that is not repeated", func(s *scenario) {
			i := s.index(1, action(evcp.ReportEngineFailure))
			came := s.events[i].At
			s.remove(i)
			s.cp.Messages = slices.DeleteFunc(s.cp.Messages, func(m oracle.CentralMessage) bool {
				return m.Verb == wire.EngineFailure && m.Sent > came-ten && m.Sent < came
			})
		}, oracle.MissingReport},
		{"a receipt that was never given", func(s *scenario) {
			s.cp.Messages = slices.DeleteFunc(s.cp.Messages, func(m oracle.CentralMessage) bool { return m.Verb == wire.EngineFailure })
		}, oracle.MissingReport},
		{"a receipt of a recovery that was never given", func(s *scenario) {
			s.cp.Messages = slices.DeleteFunc(s.cp.Messages, func(m oracle.CentralMessage) bool { return m.Verb == wire.EngineRecovered })
		}, oracle.MissingReport},
		{"an incident without failures", func(s *scenario) {
			s.insertEvent(s.index(8, isCheck)+1, evcp.Event{Action: evcp.EngineFailed})
		}, oracle.FalseFailure},
		{"a recovery without an OK", func(s *scenario) {
			opened := s.events[s.index(0, action(evcp.EngineFailed))]
			s.insertEvent(s.index(30, isCheck)+1, evcp.Event{Action: evcp.EngineRecovered, Incident: opened.ID()})
		}, oracle.FalseOK},
		{"an OK without a check received", func(s *scenario) { s.cp.EngineChecks = slices.Delete(s.cp.EngineChecks, 8, 9) }, oracle.FalseOK},
		{"an OK that came too late", func(s *scenario) { s.cp.EngineChecks[8].Done += 30 * ten }, oracle.FalseOK},
		{"a reply noticed late by a Monitor that notices at once", func(s *scenario) { s.noticeLate(80 * ms) }, oracle.FalseOK},
		{"a reply noticed too late", func(s *scenario) { s.noticing = 90 * ms; s.noticeLate(130 * ms) }, oracle.FalseOK},
		{"a reply noticed too late after a pause", func(s *scenario) {
			s.noticing = 50 * ms
			s.pauseAfter(60 * ms)
			s.noticeLate(160 * ms)
		}, oracle.FalseOK},
		{"a lost event of a Monitor that notices late", func(s *scenario) { s.noticing = 90 * ms; s.remove(s.index(8, isCheck)) }, oracle.LostEvent},
		{"a check skipped since the Engine's greeting was late", func(s *scenario) { s.skipAfterGreeting() }, oracle.LateCheck},
		{"bytes that are no event", func(s *scenario) { s.cp.Records = []string{"{"} }, oracle.DuplicateID},
		{"a receipt that was not kept", func(s *scenario) { s.remove(s.index(1, action(evcp.ReportEngineFailure))) }, oracle.LostEvent},
		{"a gap in seq", func(s *scenario) { s.events = slices.Delete(s.events, 40, 41) }, oracle.SeqGap},
		{"a gap in seq, dropped in another epoch", func(s *scenario) {
			gone, last := s.events[40], s.events[len(s.events)-1]
			s.events = append(slices.Delete(s.events, 40, 41), evcp.Event{CP: gone.CP, Action: evcp.EventsDropped, At: last.At, Epoch: last.Epoch,
				Seq: last.Seq + 1, DroppedEpoch: gone.Epoch - 1, From: gone.Seq, To: gone.Seq, Count: 1, Reason: "full"})
		}, oracle.SeqGap},
		{"records out of order", func(s *scenario) { s.events[30], s.events[31] = s.events[31], s.events[30] }, oracle.SeqGap},
		{"an epoch without a cause", func(s *scenario) {
			for i := 50; i < len(s.events); i++ {
				s.events[i].Epoch, s.events[i].Seq = s.events[i].Epoch+1, uint64(i-49)
			}
		}, oracle.SeqGap},
		{"an id with two contents", func(s *scenario) {
			again := s.events[10]
			again.At++
			s.events = append(s.events, again)
		}, oracle.DuplicateID},
		{"an id with two contents, of two Monitors", func(s *scenario) {
			again := s.events[10]
			again.At++
			s.second = []evcp.Event{again}
		}, oracle.DuplicateID},
		{"a KO for a reply of O, and K in time", func(s *scenario) {
			s.splitReply(62, 100*ms)
		}, oracle.FalseFailure},
		{"an epoch without a cause, after StateMoved", func(s *scenario) {
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.StateMoved, From: at(9100 * ms), To: at(9900 * ms)})
			for i := 50; i < len(s.events); i++ {
				s.events[i].Epoch, s.events[i].Seq = s.events[i].Epoch+1, uint64(i-49)
			}
		}, oracle.SeqGap},
		{"a wrong clock", func(s *scenario) { s.events[s.index(8, isCheck)].At -= 40 * ten }, oracle.TimeBackwards},
		{"a late check", func(s *scenario) {
			q := s.cp.EngineChecks
			for i := 10; i < len(q); i++ {
				s.cp.EngineChecks[i].Received += 16 * ten
				s.cp.EngineChecks[i].Done += 16 * ten
			}
		}, oracle.LateCheck},
		{"no check after a start", func(s *scenario) {
			s.cp.EngineChecks = slices.DeleteFunc(s.cp.EngineChecks, func(q oracle.EngineCheck) bool {
				return q.Received > at(10*time.Second) && q.Received < at(11500*ms)
			})
		}, oracle.LateCheck},
		{"a wrong state in Central at the end", func(s *scenario) { s.cp.Shown = "faulted" }, oracle.WrongFinalState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScenario()
			tt.plant(s)
			v := oracle.Verify(s.trace())
			if v.Count(tt.want) == 0 {
				t.Errorf("no %s among %d violations: %v", tt.want, len(v.Violations), v.Violations)
			}
		})
	}
}

// TestAStartOnABusyMachine: the first check may come later, by the end of a long busy time, and not
// by each of several short ones.
func TestAStartOnABusyMachine(t *testing.T) {
	busy := func(from, to time.Duration) oracle.Window {
		return oracle.Window{Kind: oracle.MachineBusy, From: at(10*time.Second + from), To: at(10*time.Second + to)}
	}
	long, short := []oracle.Window{busy(500*ms, 2*time.Second)}, []oracle.Window{busy(500*ms, 600*ms), busy(1500*ms, 1600*ms)}
	for _, tt := range []struct {
		busy  []oracle.Window
		first time.Duration // check after the start
		late  int
	}{{long, 2600 * ms, 0}, {long, 4 * time.Second, 1}, {short, 1600 * ms, 0}, {short, 2600 * ms, 1}} {
		s := newScenario()
		s.shared = append(s.shared, tt.busy...)
		s.cp.EngineChecks = slices.DeleteFunc(s.cp.EngineChecks, func(q oracle.EngineCheck) bool {
			return q.Received > at(10*time.Second) && q.Received < at(10*time.Second+tt.first)
		})
		late := 0
		for _, v := range oracle.Verify(s.trace()).Violations {
			if v.Promise == oracle.LateCheck && strings.Contains(v.Text, "without a check") {
				late++
			}
		}
		if late != tt.late {
			t.Errorf("%s after the start: %d late starts, want %d", tt.first, late, tt.late)
		}
	}
}

// TestAllowedDeviations: what the promises allow is no violation.
func TestAllowedDeviations(t *testing.T) {
	isCheck := action(evcp.HealthCheck)
	tests := []struct {
		name  string
		alter func(*scenario)
	}{
		{"the last check before a kill", func(s *scenario) {
			i := s.index(35, isCheck) // asked at 8.76 s; killed at 9 s
			s.cp.Windows[0].From = s.events[i].At.Add(90 * ms)
			s.remove(i)
		}},
		{"the last check before a kill, of a fleet that notices late", func(s *scenario) {
			i := s.index(35, isCheck)
			s.noticing, s.shared, s.cp.Windows = 90*ms, s.cp.Windows, nil
			s.shared[0].From = s.events[i].At.Add(230 * ms)
			s.remove(i)
		}},
		{"a reply noticed late", func(s *scenario) { s.noticing = 90 * ms; s.noticeLate(80 * ms) }},
		{"a reply noticed after a pause", func(s *scenario) {
			s.noticing = 90 * ms
			s.pauseAfter(100 * ms)
			s.noticeLate(160 * ms)
		}},
		{"a check in flight when its charge point was removed", func(s *scenario) {
			i := s.index(8, isCheck)
			asked := s.events[i].At.Add(-ms)
			s.remove(i)
			for _, kind := range []oracle.WindowKind{oracle.MonitorDown, oracle.Removed} {
				s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: kind, From: asked.Add(-ms), To: asked.Add(100 * ms)})
			}
		}},
		{"records sent again", func(s *scenario) { s.events = append(s.events, s.events[20:30]...) }},
		{"dropped events that are covered", func(s *scenario) {
			i := s.index(8, isCheck)
			gone := s.events[i]
			last := s.events[len(s.events)-1]
			s.events = append(slices.Delete(s.events, i, i+1), evcp.Event{CP: gone.CP, Action: evcp.EventsDropped,
				At: last.At, Epoch: last.Epoch, Seq: last.Seq + 1, DroppedEpoch: gone.Epoch, From: gone.Seq, To: gone.Seq, Count: 1, Reason: "full"})
			s.cp.EngineChecks = slices.DeleteFunc(s.cp.EngineChecks, func(q oracle.EngineCheck) bool { return q.Received == gone.At.Add(-ms) })
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.MonitorPaused, From: gone.At.Add(-100 * ms), To: gone.At.Add(100 * ms)})
		}},
		{"a new epoch where the state was deleted", func(s *scenario) {
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.StateMoved, From: at(9 * time.Second), To: at(10 * time.Second)})
			start := s.index(1, action(evcp.MonitorStarted))
			gone := s.events[start].Seq - 1
			for i := start; i < len(s.events); i++ {
				s.events[i].Epoch, s.events[i].Seq = s.events[i].Epoch+1, s.events[i].Seq-gone
				if s.events[i].Incident.Seq > gone {
					s.events[i].Incident = evcp.EventID{Epoch: s.events[i].Incident.Epoch + 1, Seq: s.events[i].Incident.Seq - gone}
				}
			}
		}},
		{"a check that a stop breaks off after a second", func(s *scenario) { s.receiveDown(9900 * ms) }},
		{"the same event sent by two Monitors", func(s *scenario) { s.second = s.events[:1] }},
		{"a KO for a reply of O, and K too late", func(s *scenario) { s.splitReply(62, 1500*ms) }},
		{"a first check off the grid", func(s *scenario) {
			s.cp.EngineChecks[0].Received = at(10*ms - 160*ms)
			s.cp.EngineChecks[0].Done = s.cp.EngineChecks[0].Received
			s.events[s.index(0, isCheck)].At -= 16 * ten
			s.events[0].At -= 20 * ten
		}},
		{"a report repeated while a slow disk holds back the recovery", func(s *scenario) {
			s.repeatAfterRecovery(169 * ms)
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.DiskFailing, From: at(10 * time.Second), To: at(13 * time.Second)})
		}},
		{"a report repeated while busy CPUs hold back the recovery", func(s *scenario) {
			s.repeatAfterRecovery(250 * ms)
			s.shared = append(s.shared, oracle.Window{Kind: oracle.MachineBusy, From: at(10 * time.Second), To: at(13 * time.Second)})
		}},
		{"a check skipped since busy CPUs made the Engine's greeting late", func(s *scenario) {
			s.shared = append(s.shared, oracle.Window{Kind: oracle.MachineBusy, From: at(2 * time.Second), To: at(3 * time.Second)})
			s.skipAfterGreeting()
		}},
		{"a check skipped since busy CPUs made a timeout late", func(s *scenario) {
			s.shared = append(s.shared, oracle.Window{Kind: oracle.MachineBusy, From: at(15400 * ms), To: at(15500 * ms)})
			i := s.index(59, isCheck)
			s.remove(i)
			s.cp.EngineChecks = slices.Delete(s.cp.EngineChecks, 59, 60)
		}},
		{"a recovery not reported, of a charge point that was removed meanwhile", func(s *scenario) {
			i := s.index(0, action(evcp.ReportEngineRecovery))
			told := s.events[i].At
			s.remove(i)
			s.cp.Messages = slices.DeleteFunc(s.cp.Messages, func(m oracle.CentralMessage) bool {
				return m.Verb == wire.EngineRecovered && m.Sent <= told && m.Sent > told-ten
			})
			s.cp.Windows = append(s.cp.Windows, oracle.Window{Kind: oracle.Removed, From: told.Add(-ms), To: told})
		}},
		{"a report again, since its receipt was lost on the way", func(s *scenario) {
			first := &s.cp.Messages[0]
			lost := *first
			lost.Sent, lost.Returned = lost.Sent-1000, 0
			s.insertMessage(lost)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScenario()
			tt.alter(s)
			for _, f := range oracle.Verify(s.trace()).Violations {
				t.Error(f)
			}
		})
	}
}

// TestViolationString is the line of a violation.
func TestViolationString(t *testing.T) {
	s := newScenario()
	s.cp.Shown = "faulted"
	v := oracle.Verify(s.trace())
	if len(v.Violations) != 1 || !strings.HasPrefix(v.Violations[0].String(), "12:00:20.000 CP_001 wrong final states: ") {
		t.Errorf("%v", v.Violations)
	}
}
