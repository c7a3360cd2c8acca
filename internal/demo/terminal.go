package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"evcp/internal/console"
	"evcp/internal/console/cell"
	"evcp/internal/display"
	"evcp/internal/engine"
)

// terminalUI writes the banner, the log, the live line and the summary, and reads
// the keys. It is used by one goroutine at a time.
type terminalUI struct {
	*env
	console  *console.Console
	chosen   *simulatedCP // by its digit
	hint     string       // about the keys, in place of the live line
	hintEnds time.Time
}

const hintLasts = 5 * time.Second

// banner shows the addresses and the script; off a terminal it is one log line.
func (u *terminalUI) banner() {
	page, kafka := portOf(u.page), portOf(u.kafka)
	if !u.console.Terminal() {
		u.console.Logger().Info("demo started", "page", fmt.Sprintf("http://localhost:%d/", page),
			"kafka", u.broker.address, "topic", topic, "central", u.centralTCP.Addr().String(), "version", u.o.Version)
		return
	}
	lines := append([]string{}, english.banner...)
	lines = append(lines, "", fmt.Sprintf(english.page, page), fmt.Sprintf(english.kafka, kafka, topic), "")
	if replaced := u.replacedPorts(); len(replaced) > 0 {
		lines = append(append(lines, replaced...), "")
	}
	lines = append(append(lines, u.o.Script.lines()...), "")
	if u.o.Keys != nil {
		lines = append(lines, english.keysHelp, "")
	}
	u.console.Print(lines...)
}

// replacedPorts says which of the wanted ports were in use.
func (u *terminalUI) replacedPorts() []string {
	var lines []string
	for _, p := range []struct {
		wanted uint16
		what   string
		got    net.Listener
	}{{u.o.PagePort, english.thePage, u.page}, {u.o.KafkaPort, english.theBroker, u.kafka}, {u.o.CentralPort, english.central, u.centralTCP}} {
		if got := portOf(p.got); p.wanted != 0 && got != int(p.wanted) {
			lines = append(lines, fmt.Sprintf(english.portTaken, p.wanted, p.what, got))
		}
	}
	return lines
}

// run writes log lines, redraws the live line and handles keys until ended.
func (u *terminalUI) run(ended <-chan struct{}) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer u.console.Close()
	keys := u.o.Keys
	for {
		select {
		case <-ended:
			u.writeLog()
			return
		case <-u.aggregator.ready:
			u.writeLog()
		case <-second.C:
			u.writeLog()
			u.console.Live(u.live(time.Now()))
		case key, open := <-keys:
			if !open {
				keys = nil // the terminal is closed; the demo goes on
			}
			u.press(key, time.Now())
			u.console.Live(u.live(time.Now()))
		}
	}
}

func (u *terminalUI) writeLog() {
	for _, l := range u.aggregator.takeLines(time.Now()) {
		attrs := []slog.Attr{console.Shape(l.shape)}
		if l.cp != "" {
			attrs = append(attrs, console.CP(l.cp))
		}
		u.console.Logger().LogAttrs(context.Background(), slog.LevelInfo, l.text, attrs...)
	}
}

// live is the last line of the terminal.
func (u *terminalUI) live(now time.Time) string {
	if now.Before(u.hintEnds) {
		return u.hint
	}
	activated, faulted, disconnected := u.aggregator.states()
	missed, pending := u.monitorStats()
	return fmt.Sprintf(english.live, display.Up.Mark(), activated, display.Failed.Mark(), faulted, display.Gone.Mark(), disconnected,
		english.checks.of(u.aggregator.figures().Checks), missed, english.events.of(int(pending)))
}

// press handles one key: a digit chooses a charge point, a letter sets the chosen
// one's behaviour. Other keys do nothing.
func (u *terminalUI) press(key rune, now time.Time) {
	if n := int(key - '0'); n >= 1 && n <= len(u.cps) {
		u.chosen = u.cp(n)
		u.hint, u.hintEnds = fmt.Sprintf(english.chosen, u.chosen.id), now.Add(hintLasts)
		return
	}
	command, known := map[rune]struct {
		behaviour engine.Behaviour
		text      string
	}{'k': {ko, english.willKO}, 'm': {mute, english.willBeMute}, 'o': {ok, english.willOK}}[key]
	switch {
	case !known:
	case u.chosen == nil:
		u.hint, u.hintEnds = english.notChosen, now.Add(hintLasts)
	default:
		u.hintEnds = time.Time{}
		u.command(u.chosen, command.behaviour, command.text)
	}
}

// summary prints what was counted: sentences at a terminal, one log line off it.
func (u *terminalUI) summary(f figures) {
	if u.console.Terminal() {
		u.console.Print(f.summary(u.console.Columns() - 1)...)
		return
	}
	u.console.Logger().Info("demo ended", "lasted", f.Lasted, "checks", f.Checks, "late", f.Late,
		"faults", f.Faults, "told", f.FaultsShown, "cleared", f.Cleared, "false_alarms", f.FalseAlarms,
		"lost_monitors", f.Killed, "lost_told", f.KillsShown, "lost_returned", f.Returned,
		"events", f.Events, "arrived", f.Arrived, "sent_twice", f.Repeated)
}

// summary writes it as text, in lines of at most columns, with what to do next.
func (f figures) summary(columns int) []string {
	counted := fmt.Sprintf(english.counted, display.Duration(f.Lasted), english.checks.of(f.Checks), f.Late)
	text := counted + " " + f.incidents() + " " + english.alarms.of(f.FalseAlarms) + ". " + f.delivery()
	return append(cell.Wrap(text, columns), english.next)
}

func (f figures) incidents() string {
	all, open := f.Faults+f.Killed, f.Faults+f.Killed-f.Cleared-f.Returned
	if all+f.FaultsShown+f.KillsShown == 0 {
		return english.noIncidents
	}
	return fmt.Sprintf(english.incidents, english.faults.of(f.Faults), english.losses.of(f.Killed), f.outcome(all, open))
}

// outcome says whether each incident was shown once and cleared at most once.
func (f figures) outcome(all, open int) string {
	once := f.FaultsShown == f.Faults && f.KillsShown == f.Killed && f.Cleared <= f.Faults && f.Returned <= f.Killed
	switch {
	case !once:
		return fmt.Sprintf(english.mismatch, f.FaultsShown, f.KillsShown, f.Cleared, f.Returned)
	case all == 1 && open == 0:
		return english.oneCleared
	case all == 1:
		return english.oneOpen
	case open == 0:
		return english.allCleared
	default:
		return fmt.Sprintf(english.someOpen, open)
	}
}

func (f figures) delivery() string {
	if f.Arrived == f.Events {
		return fmt.Sprintf(english.allArrived, english.events.of(f.Events))
	}
	return fmt.Sprintf(english.someArrived, f.Arrived, english.events.of(f.Events))
}
