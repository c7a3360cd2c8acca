package advice

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"evcp"
	"evcp/internal/language"
)

// every calls do with each row.
func every(do func(p Remote, c evcp.Cause, a Advice)) {
	for p := Engine; p <= Kafka; p++ {
		for c := evcp.NoCause; c.String() != "invalid"; c++ {
			do(p, c, For(language.English, p, c))
		}
	}
}

// A column of --test holds 38 characters, and two lines under it hold 2 × 67.
const (
	mostPhrase   = 38
	mostSentence = 2 * 67
)

func TestEveryCauseHasItsRow(t *testing.T) {
	every(func(p Remote, c evcp.Cause, a Advice) {
		if _, here := english[p][c]; !here {
			if _, here = monitorCauses[c]; !here {
				t.Errorf("%s, %s: no row", remotes[p], c)
			}
		}
		if a.Phrase == "" || (a.Meaning == "") != (c == evcp.NoCause) || (a.Do == "") != (c == evcp.NoCause) {
			t.Errorf("%s, %s: something is missing: %+v", remotes[p], c, a)
		}
	})
}

func TestLimits(t *testing.T) {
	full := Details{Timeout: 900 * time.Millisecond, CP: "CP_TEST_001", Topic: "monitor-events"}
	for _, f := range []Details{full, {}} {
		every(func(p Remote, c evcp.Cause, a Advice) {
			a = a.With(f)
			if n := utf8.RuneCountInString(a.Phrase); n > mostPhrase || strings.HasSuffix(a.Phrase, ".") {
				t.Errorf("%s, %s: %q is %d long", remotes[p], c, a.Phrase, n)
			}
			for _, s := range []string{a.Meaning, a.Do} {
				if utf8.RuneCountInString(s) > mostSentence || s != strings.TrimSpace(s) || strings.ContainsAny(s, "\n\t{}") {
					t.Errorf("%s, %s: %q", remotes[p], c, s)
				}
			}
			if strings.ContainsAny(a.Phrase, "\n\t{}") {
				t.Errorf("%s, %s: %q", remotes[p], c, a.Phrase)
			}
		})
	}
}

// TestTLSRows: each kind of failure has its own advice, with the settings of its remote.
func TestTLSRows(t *testing.T) {
	for p := Engine; p <= Kafka; p++ {
		general := For(language.English, p, evcp.TLS).With(Details{Reply: "remote error: tls: internal error"})
		for _, r := range TLSRows {
			reply := r.Begins + "2026-10-01"
			a := For(language.English, p, evcp.TLS).With(Details{Reply: reply})
			if a.Phrase != "TLS failed: "+reply || a.Do == general.Do || strings.ContainsAny(a.Meaning+a.Do, "{}") || utf8.RuneCountInString(a.Do) > mostSentence {
				t.Errorf("%s, %s: %+v", remotes[p], r.Begins, a)
			}
			if other := For(language.English, p, evcp.Protocol).With(Details{Reply: reply}); other.Do != For(language.English, p, evcp.Protocol).Do {
				t.Errorf("%s, %s is no failure of TLS: %+v", remotes[p], r.Begins, other)
			}
		}
	}
}

// The first sends a person to the charger, the second to a program.
func TestKOAndSilenceShareNoAdvice(t *testing.T) {
	every(func(p Remote, c evcp.Cause, a Advice) {
		all := strings.ToLower(a.Phrase + " " + a.Meaning + " " + a.Do)
		if strings.Contains(all, "says ko") && strings.Contains(all, "no answer") {
			t.Errorf("%s, %s: %+v", remotes[p], c, a)
		}
		if c == evcp.Timeout && strings.Contains(all, "charger") || c == evcp.SaidKO && strings.Contains(all, "network") {
			t.Errorf("%s, %s sends to the wrong place: %+v", remotes[p], c, a)
		}
	})
}

// An advice to correct an address names the flag of this remote and no other.
func TestFlagsBelongToTheRemote(t *testing.T) {
	flags := map[Remote][]string{
		Engine: {"--engine-ip", "--engine-port"}, Central: {"--central-ip", "--central-port"}, Kafka: {"--kafka-brokers"},
	}
	every(func(p Remote, c evcp.Cause, a Advice) {
		for of, names := range flags {
			for _, name := range names {
				if of != p && strings.Contains(a.Do+a.Meaning, name) {
					t.Errorf("%s, %s names %s", remotes[p], c, name)
				}
			}
		}
	})
	for p, names := range flags {
		for _, c := range []evcp.Cause{evcp.Refused, evcp.Unreachable, evcp.DNS, evcp.Protocol} {
			if do := For(language.English, p, c).Do; !strings.Contains(do, names[0]) && !strings.Contains(do, names[len(names)-1]) {
				t.Errorf("%s, %s names no flag: %q", remotes[p], c, do)
			}
		}
	}
}

// The words of the --test transcripts.
func TestTranscript(t *testing.T) {
	f := Details{Timeout: 3 * time.Second, CP: "CP_001", Topic: "monitor-events", Reply: "Authentication denied: unknown charging point CP_001"}
	for _, c := range []struct {
		got, want string
	}{
		{For(language.English, Central, evcp.NoCause).With(f).Phrase, "accepted CP_001"},
		{For(language.English, Engine, evcp.NoCause).With(f).Phrase, "answered OK"},
		{For(language.English, Kafka, evcp.NoCause).With(f).Phrase, "topic monitor-events exists"},
		{For(language.English, Engine, evcp.Refused).Phrase, "connection refused"},
		{For(language.English, Engine, evcp.Refused).Meaning, "The machine is there, but nothing listens on this port."},
		{For(language.English, Engine, evcp.Refused).Do, "Start the Engine (ours: ev-cp-e) or correct --engine-port."},
		{For(language.English, Central, evcp.SaidKO).With(f).Phrase, "refused CP_001"},
		{For(language.English, Central, evcp.SaidKO).With(f).Meaning, `"Authentication denied: unknown charging point CP_001"`},
		{For(language.English, Central, evcp.SaidKO).With(f).Do, "Add CP_001 to Central's --registry file or correct --cp-id."},
		{For(language.English, Central, evcp.SaidKO).With(Details{}).Meaning, "It gave no reason."},
		{For(language.English, Kafka, evcp.Refused).Phrase, "connection refused"},
		{For(language.English, Kafka, evcp.Refused).Meaning, "Events would wait on disk and be sent when a broker comes."},
		{For(language.English, Kafka, evcp.Refused).Do, `If you have none, say so: --kafka-brokers ""`},
		{For(language.English, Central, evcp.Protocol).With(Details{Reply: "HTTP/1.1 403 Forbidden"}).Phrase, `answered, but not as EV_Central: "HTTP/1.1 403 Forbidden"`},
		{For(language.English, Central, evcp.Protocol).With(Details{}).Phrase, "answered, but not as EV_Central"},
		{For(language.English, Central, evcp.Timeout).With(f).Phrase, "no answer in 3s"},
		{For(language.English, Central, evcp.Timeout).Meaning, "A firewall, or Central hangs."},
		{For(language.English, Engine, evcp.Timeout).With(Details{Timeout: 900 * time.Millisecond}).Phrase, "no answer in 900ms"},
		{For(language.English, Engine, evcp.SaidKO).Phrase, "says KO"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// A peer's words are words, whatever they look like.
func TestRepliesAreNotFilledIn(t *testing.T) {
	if got := For(language.English, Central, evcp.SaidKO).With(Details{Reply: "{cp} {timeout}", CP: "A"}).Meaning; got != `"{cp} {timeout}"` {
		t.Errorf("%s", got)
	}
}

func TestUnknownCauseIsOther(t *testing.T) {
	if got := For(language.English, Engine, evcp.Cause(200)); got != For(language.English, Engine, evcp.Other) {
		t.Errorf("%+v", got)
	}
	if got := For(language.English, Remote(9), evcp.Refused); got != For(language.English, Kafka, evcp.Refused) {
		t.Errorf("%+v", got)
	}
}
