package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/engine"
)

// face is what a person sees, and the keys that they press. One goroutine runs it.
type face struct {
	*set
	console *console.Console
	chosen  *charger
	hint    string    // what the live line says of the keys, for a while
	until   time.Time // then it is gone
}

func newFace(s *set) *face { return &face{set: s, console: s.o.Console} }

// hintLasts is how long the live line gives way to a word on the keys.
const hintLasts = 5 * time.Second

// banner says where everything is and what will happen.
func (f *face) banner() {
	page, kafka := portOf(f.page), portOf(f.kafka)
	if !f.console.Terminal() {
		f.console.Logger().Info("demo started", "page", fmt.Sprintf("http://localhost:%d/", page),
			"kafka", f.broker.address, "topic", topic, "central", f.monitors.Addr().String(), "version", f.o.Version)
		return
	}
	lines := append([]string{}, english.banner...)
	lines = append(lines, "", fmt.Sprintf(english.page, page), fmt.Sprintf(english.kafka, kafka, topic), "")
	if moved := f.moved(); len(moved) > 0 {
		lines = append(append(lines, moved...), "")
	}
	lines = append(append(lines, f.o.Story.lines()...), "")
	if f.o.Keys != nil {
		lines = append(lines, english.yourTurn, "")
	}
	f.console.Print(lines...)
}

// moved says which usual ports were taken.
func (f *face) moved() []string {
	var lines []string
	for _, d := range []struct {
		wanted uint16
		what   string
		got    net.Listener
	}{{f.o.PagePort, english.thePage, f.page}, {f.o.KafkaPort, english.theBroker, f.kafka}, {f.o.CentralPort, english.central, f.monitors}} {
		if got := portOf(d.got); d.wanted != 0 && got != int(d.wanted) {
			lines = append(lines, fmt.Sprintf(english.taken, d.wanted, d.what, got))
		}
	}
	return lines
}

// run tells the news, redraws the live line and obeys the keys until ended.
func (f *face) run(ended <-chan struct{}) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer f.console.Close()
	keys := f.o.Keys
	for {
		select {
		case <-ended:
			f.tell()
			return
		case <-f.desk.news:
			f.tell()
		case <-second.C:
			f.tell()
			f.console.Live(f.live(time.Now()))
		case key, open := <-keys:
			if !open {
				keys = nil // the terminal is gone; the demo goes on
			}
			f.press(key, time.Now())
			f.console.Live(f.live(time.Now()))
		}
	}
}

func (f *face) tell() {
	for _, l := range f.desk.lines(time.Now()) {
		attrs := []slog.Attr{console.Shape(l.shape)}
		if l.cp != "" {
			attrs = append(attrs, console.CP(l.cp))
		}
		f.console.Logger().LogAttrs(context.Background(), slog.LevelInfo, l.text, attrs...)
	}
}

// live is the last line of the terminal.
func (f *face) live(now time.Time) string {
	if now.Before(f.until) {
		return f.hint
	}
	up, down, gone, n := f.desk.look()
	late, waiting := f.tally()
	return fmt.Sprintf(english.live, display.Up.Mark(), up, display.Failed.Mark(), down, display.Gone.Mark(), gone,
		english.checks.of(n.Checks), late, english.events.of(int(waiting)))
}

// press obeys one key: a charge point, or what the chosen one shall do.
func (f *face) press(key rune, now time.Time) {
	if n := int(key - '0'); n >= 1 && n <= len(f.chargers) {
		f.chosen = f.cp(n)
		f.hint, f.until = fmt.Sprintf(english.chosen, f.chosen.id), now.Add(hintLasts)
		return
	}
	order, known := map[rune]struct {
		behaviour engine.Behaviour
		text      string
	}{'k': {ko, english.willKO}, 'm': {mute, english.willBeMute}, 'o': {ok, english.willOK}}[key]
	switch {
	case !known:
	case f.chosen == nil:
		f.hint, f.until = english.notChosen, now.Add(hintLasts)
	default:
		f.until = time.Time{}
		f.command(f.chosen, order.behaviour, order.text)
	}
}

// summary says what was counted: to a person in words, to a log in figures.
func (f *face) summary(n figures) {
	if f.console.Terminal() {
		f.console.Print(n.summary(f.console.Columns() - 1)...)
		return
	}
	f.console.Logger().Info("demo ended", "lasted", n.Lasted, "checks", n.Checks, "late", n.Late,
		"faults", n.Faults, "told", n.Told, "cleared", n.Cleared, "false_alarms", n.FalseAlarms,
		"lost_monitors", n.Lost, "lost_told", n.LostTold, "lost_returned", n.Returned,
		"events", n.Events, "arrived", n.Arrived, "sent_twice", n.Twice)
}
