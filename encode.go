package evcp

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the event as one JSON object without a newline, the bytes that
// go to Kafka. The seed's fields come first, in the seed's order; the added fields
// follow. It allocates nothing when dst has room.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"cp_id":"`...)
	dst = append(dst, e.CP...)
	dst = append(dst, `","monitor_id":"EV_CP_M","action":"`...)
	dst = append(dst, e.Action.String()...)
	dst = append(dst, '"')
	if e.Action == HealthCheck { // the seed puts its time last
		dst = e.appendCheck(dst)
	} else {
		dst = appendStamp(dst, `,"timestamp":`, e.At)
		dst = e.appendOthers(dst)
	}
	dst = appendText(dst, `,"instance":`, e.Instance)
	dst = appendInt(dst, `,"epoch":`, e.Epoch)
	dst = appendUint(dst, `,"seq":`, e.Seq)
	dst = appendID(dst, `,"event_id":"`, e.CP, e.ID())
	if e.PrevEpoch != 0 {
		dst = appendInt(dst, `,"prev_epoch":`, e.PrevEpoch)
		dst = appendUint(dst, `,"prev_seq":`, e.PrevSeq)
	}
	return append(dst, '}')
}

func (e *Event) appendCheck(dst []byte) []byte {
	dst = appendText(dst, `,"status":`, e.Status.String())
	dst = appendText(dst, `,"engine_response":`, e.Response)
	dst = appendUint(dst, `,"consecutive_failures":`, uint64(e.Failures))
	dst = appendStamp(dst, `,"timestamp":`, e.At)
	dst = appendText(dst, `,"cause":`, e.Cause.String())
	if detail := e.Cause.Detail(); detail != "" {
		dst = appendText(dst, `,"detail":`, detail)
	}
	return appendLatency(dst, e.Latency)
}

// appendReply writes what Central replied and how long it took.
func (e *Event) appendReply(dst []byte) []byte {
	dst = appendText(dst, `,"central_response":`, e.Response)
	return appendLatency(dst, e.Latency)
}

// appendOthers writes the fields of every action but health_check.
func (e *Event) appendOthers(dst []byte) []byte {
	switch e.Action {
	case RegisterToCentral:
		dst = append(dst, `,"status":"connecting"`...)
	case AuthenticatedWithCentral:
		dst = append(dst, `,"status":"success"`...)
		dst = e.appendReply(dst)
	case RegistrationRejected:
		dst = append(dst, `,"status":"rejected"`...)
		dst = e.appendReply(dst)
	case ConnectedToEngine:
		dst = appendText(dst, `,"engine_response":`, e.Response)
	case EngineFailed, EngineRecovered:
		dst = e.appendIncident(dst)
	case ReportEngineFailure, ReportEngineRecovery:
		dst = e.appendReply(dst)
		dst = appendID(dst, `,"incident_id":"`, e.CP, e.Incident)
		dst = appendUint(dst, `,"repeat":`, uint64(e.Repeat))
	default:
		dst = e.appendMonitor(dst)
	}
	return dst
}

func (e *Event) appendIncident(dst []byte) []byte {
	dst = appendID(dst, `,"incident_id":"`, e.CP, e.Incident)
	dst = appendStamp(dst, `,"since":`, e.Since)
	if e.Action == EngineRecovered {
		dst = appendSeconds(dst, `,"duration_s":`, e.Span)
		return e.appendSite(dst)
	}
	dst = appendText(dst, `,"cause":`, e.Cause.String())
	dst = appendStamp(dst, `,"last_ok":`, e.LastOK)
	return e.appendSite(dst)
}

// appendSite writes where the charge point is, if that is known.
func (e *Event) appendSite(dst []byte) []byte {
	if e.Site == "" {
		return dst
	}
	return appendText(dst, `,"site":`, e.Site)
}

// appendSettings writes the settings of the checks.
func (e *Event) appendSettings(dst []byte) []byte {
	dst = appendSeconds(dst, `,"interval_s":`, e.Interval)
	dst = appendSeconds(dst, `,"timeout_s":`, e.Timeout)
	dst = appendUint(dst, `,"fall":`, uint64(e.Fall))
	dst = appendUint(dst, `,"rise":`, uint64(e.Rise))
	return e.appendSite(dst)
}

// appendMonitor writes the fields of events about the Monitor itself.
func (e *Event) appendMonitor(dst []byte) []byte {
	switch e.Action {
	case MonitorStarted:
		dst = appendText(dst, `,"version":`, e.Version)
		dst = append(dst, `,"resumed":`...)
		dst = strconv.AppendBool(dst, e.Resumed)
		dst = appendStamp(dst, `,"last_kept":`, e.LastKept)
		dst = e.appendSettings(dst)
	case SettingsChanged:
		dst = e.appendSettings(dst)
	case MonitorStopped:
		dst = appendText(dst, `,"reason":`, e.Reason)
	case MonitorStalled:
		dst = appendSeconds(dst, `,"gap_s":`, e.Span)
		dst = appendUint(dst, `,"missed":`, uint64(e.Missed))
	case ClockStep:
		dst = appendSeconds(dst, `,"offset_s":`, e.Span)
	case EventsDropped:
		dst = appendInt(dst, `,"dropped_epoch":`, e.DroppedEpoch)
		dst = appendUint(dst, `,"from_seq":`, e.From)
		dst = appendUint(dst, `,"to_seq":`, e.To)
		dst = appendUint(dst, `,"count":`, e.Count)
		dst = appendText(dst, `,"reason":`, e.Reason)
		dst = appendUint(dst, `,"facts":`, e.Facts)
	}
	return dst
}

func appendInt(dst []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(dst, name...), v, 10)
}

func appendUint(dst []byte, name string, v uint64) []byte {
	return strconv.AppendUint(append(dst, name...), v, 10)
}

func appendID(dst []byte, name string, cp CPID, id EventID) []byte {
	return append(id.append(append(dst, name...), cp), '"')
}

// appendStamp writes at least one decimal, as in the seed's examples: 1640000000.0.
func appendStamp(dst []byte, name string, at Stamp) []byte {
	return at.AppendSeconds(append(dst, name...), 1, 6)
}

func appendSeconds(dst []byte, name string, d time.Duration) []byte {
	return appendDecimal(append(dst, name...), int64(d/time.Microsecond), 1, 6)
}

func appendLatency(dst []byte, d time.Duration) []byte {
	return appendDecimal(append(dst, `,"latency_ms":`...), int64(d/time.Microsecond), 1, 3)
}

// appendDecimal writes v / 10^digits exactly, with at least the given decimals and no
// more than it needs. It uses no float, so nothing is rounded.
func appendDecimal(dst []byte, v int64, least, digits int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	unit := int64(1)
	for range digits {
		unit *= 10
	}
	dst = strconv.AppendInt(dst, v/unit, 10)
	rest := v % unit
	if least > 0 || rest > 0 {
		dst = append(dst, '.')
	}
	for n := 0; n < least || rest > 0; n++ {
		unit /= 10
		dst = append(dst, byte('0'+rest/unit))
		rest %= unit
	}
	return dst
}

func appendText(dst []byte, name, s string) []byte {
	return AppendJSONString(append(dst, name...), s)
}

// AppendJSONString appends a JSON string, in quotes. It escapes what JSON requires and
// replaces invalid UTF-8; peers' texts are printable already.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= ' ' && r != '"' && r != '\\' && !(r == utf8.RuneError && size == 1) {
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, r)
		i += size
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscaped(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == utf8.RuneError:
		return utf8.AppendRune(dst, r)
	default:
		return append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	}
}
