package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evcp/internal/bubble"
)

func TestParseScript(t *testing.T) {
	for script, want := range map[string]string{
		"ok":                            "ok 0s",
		"ok 10s, ko 5s, mute 5s, ok":    "ok 10s|ko 5s|mute 5s|ok 0s",
		"ok 10s, ko 5s, mute 5s":        "ok 10s|ko 5s|mute 5s",
		" ok\t1m30s ,slow=1.5s  1ms,ko": "ok 1m30s|slow=1.5s 1ms|ko 0s",
		`say="KO, and 5s" 5s, ok`:       `say="KO, and 5s" 5s|ok 0s`,
		"CP_00* ko 5s, 5% mute 1s, ok":  "CP_00* ko 5s|5% mute 1s|ok 0s",
		"CP_7 ko 5s, CP_[1-9] ok":       "CP_7 ko 5s|CP_[1-9] ok 0s",
		`say="a \" b" 5s, say=BROKEN`:   `say="a \" b" 5s|say=BROKEN 0s`,
	} {
		steps, err := ParseScript(script)
		if err != nil {
			t.Errorf("%q: %v", script, err)
		}
		var got []string
		for _, s := range steps {
			got = append(got, s.String()+" "+s.For.String())
		}
		if joined := strings.Join(got, "|"); joined != want {
			t.Errorf("%q is %s, want %s", script, joined, want)
		}
	}
}

func TestScriptErrors(t *testing.T) {
	for script, want := range map[string]string{
		"":               `item 1, "": nothing stands here; write a behaviour and how long it lasts, as in ok 10s`,
		"ok 1s,":         `item 2, "": nothing stands here; write a behaviour and how long it lasts, as in ok 10s`,
		"ok 1s, kko 5s":  `item 2, "kko": no such behaviour; choose ok, ko, intermittent, delayed-ko, mute, slow=DURATION, drip, reset, close, garbage, split, refuse, say=TEXT`,
		"ok, ko":         `item 1, "ok": after the behaviour stands how long it lasts, as in ko 5s`,
		"ok 5, ko":       `item 1, "ok 5": after the behaviour stands how long it lasts, as in ko 5s`,
		"ok -5s":         `item 1, "ok -5s": after the behaviour stands how long it lasts, as in ko 5s`,
		"ok 1s 2s":       `item 1, "ok 1s 2s": after the behaviour stands how long it lasts, as in ko 5s`,
		"ok=1 1s":        `item 1, "ok=1": ok takes no value`,
		"slow 5s":        `item 1, "slow": how slow is a duration up to 10m0s, as in slow=1.5s`,
		"slow=-1s":       `item 1, "slow=-1s": how slow is a duration up to 10m0s, as in slow=1.5s`,
		"slow=1h":        `item 1, "slow=1h": how slow is a duration up to 10m0s, as in slow=1.5s`,
		"say=":           `item 1, "say=": what it says has 1 to 1024 bytes, as in say=BROKEN`,
		`say="x`:         `item 1, "say=\"x": the quotes are those of a Go string, as in say="OK 23.5C\r"`,
		"\x1b[31m":       `item 1, "\x1b[31m": no such behaviour`,
		"OK 5s":          `item 1, "OK": no such behaviour; choose ok`,
		"CP_00* kko 5s":  `item 1, "kko": no such behaviour; choose ok`,
		"CP_** ko 5s":    `item 1, "CP_**": a pattern is a part of an id with one star, as CP_00*`,
		"CP/* ko 5s":     `item 1, "CP/*": a pattern is a part of an id with one star, as CP_00*`,
		"0% ko 5s":       `item 1, "0%": a share is more than 0% and at most 100%, as 5%`,
		"x% ko 5s":       `item 1, "x%": a share is more than 0% and at most 100%, as 5%`,
		"NaN% ko 5s":     `item 1, "NaN%": a share is more than 0% and at most 100%, as 5%`,
		"CP_[9-1] ko 5s": `item 1, "CP_[9-1]": a range goes from the lower number to the higher`,
		"CP_[1- ko 5s":   `item 1, "CP_[1-": a range is written as [001-012]`,
		"C/1 ko 5s":      `item 1, "C/1": an id has 1 to 64 of A-Z a-z 0-9 . _ -, as in CP_[0001-0100]`,
		"ok 1s, , ko 1s": `item 2, " ": nothing stands here`,
	} {
		if _, err := ParseScript(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", script, err, want)
		}
	}
}

// TestPlay: steps begin at their time and the last one stays.
func TestPlay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		e := New(Options{})
		begun := time.Now()
		script, err := ParseScript("ok 10s, ko 5s, mute 5s")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan time.Duration)
		go func() {
			e.Play(t.Context(), script)
			ended <- time.Since(begun)
		}()
		for _, want := range []string{"ok", "ok", "ko", "mute", "mute"} {
			synctest.Wait()
			if got := e.Behaviour().String(); got != want {
				t.Errorf("%s after the start: %s, want %s", time.Since(begun), got, want)
			}
			time.Sleep(5 * time.Second)
			if time.Since(begun) == 20*time.Second {
				if took := <-ended; took != 15*time.Second {
					t.Errorf("the script ended after %s", took)
				}
			}
		}
	})
}

func TestPlayIsInterrupted(t *testing.T) {
	e := New(Options{})
	ctx, stop := context.WithCancel(t.Context())
	script, _ := ParseScript("ko 1h, ok")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Play(ctx, script)
	}()
	eventually(t, func() bool { return e.Behaviour().String() == "ko" })
	stop()
	<-ended
	if got := e.Behaviour().String(); got != "ko" {
		t.Errorf("then %s", got)
	}
}

func FuzzParseScript(f *testing.F) {
	for _, s := range []string{"ok 10s, ko 5s, mute 5s, ok", `say="OK, 23.5C" 1s, slow=1.5s`, `"`, `say="\`, ",", "ok 9999999h", "CP_00* ko 5s, 5% mute 1s, CP_[1-9] ok"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		steps, err := ParseScript(s)
		if err != nil {
			if len(err.Error()) > 1000 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' && r != '…' }) {
				t.Errorf("%q: error %q", s, err)
			}
			return
		}
		for i, step := range steps {
			if step.For < 0 || step.For == 0 && i < len(steps)-1 {
				t.Errorf("%q: step %d lasts %s", s, i, step.For)
			}
			for n := range 20 {
				step.Behaviour.at(n)
			}
			step.Of.Has("CP_0001")
			if again, err := ParseBehaviour(step.Behaviour.String()); err != nil || again.String() != step.Behaviour.String() {
				t.Errorf("%q: %s does not parse again: %v", s, step.Behaviour, err)
			}
		}
	})
}
