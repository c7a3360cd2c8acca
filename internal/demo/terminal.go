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
	"evcp/internal/language"
)

// terminalUI writes the banner, the log, the live line and the summary, and reads
// the keys. It is used by one goroutine at a time.
type terminalUI struct {
	*env
	console  *console.Console
	chosen   *simulatedCP // by its digit
	share    *fleetShare  // of a fleet, by its digit
	hint     string       // about the keys, in place of the live line
	hintEnds time.Time
}

const hintLasts = 5 * time.Second

func (u *terminalUI) said() language.Language { return u.console.Language() }

// banner shows the addresses and the script; off a terminal it is one log line.
func (u *terminalUI) banner() {
	page, kafka := portOf(u.page), portOf(u.kafka)
	if !u.console.Terminal() {
		u.console.Logger().Info("demo started", "page", fmt.Sprintf("http://localhost:%d/", page),
			"kafka", u.kafka.Addr().String(), "topic", topic, "central", u.centralTCP.Addr().String(), "version", u.o.Version)
		return
	}
	lines := append(introduction(u.said(), u.o.CPs, u.console.Columns()), "", u.said().Sprintf("  Page    http://localhost:%d/", page),
		u.said().Sprintf("  Kafka   kcat -C -q -o end -b localhost:%d -t %s", kafka, topic))
	if !u.pastEnds.IsZero() {
		lines = append(lines, u.said().Sprintf("  Past    made up since %s; the page says so", pastFrom(u.pastEnds).Format(time.DateOnly)))
	}
	lines = append(lines, "")
	if replaced := u.replacedPorts(); len(replaced) > 0 {
		lines = append(append(lines, replaced...), "")
	}
	lines = append(append(lines, u.o.Script.lines(u.said())...), "")
	if u.o.Keys != nil {
		lines = append(append(lines, u.yourTurn()...), "")
	}
	u.console.Print(lines...)
}

func (u *terminalUI) yourTurn() []string {
	said := u.said()
	turn := said.Text("Your turn: 1 to 6 choose a charge point; then k KO, m mute, o OK.")
	if u.fleet != nil {
		turn = said.Text("Your turn: 1 to 9 choose that many percent, 0 all; then k KO, m mute, o OK.")
	}
	return []string{turn, said.Text("? shows this again, q or Ctrl-C ends the demo.")}
}

func introduction(said language.Language, cps, columns int) []string {
	if cps > LoneCPs {
		return display.Wrap(said.Sprintf("EV_CP_M demo: %d charge points, one Monitor for all, Central and a broker in this "+
			"process, the Engines in another. Ctrl-C ends it and leaves nothing behind.", cps), columns)
	}
	return display.Wrap(said.Text("EV_CP_M demo: six charge points, a Monitor for each, Central and a broker, all "+
		"in this process. Ctrl-C ends it and leaves nothing behind."), columns)
}

// replacedPorts says which of the wanted ports were in use.
func (u *terminalUI) replacedPorts() []string {
	var lines []string
	for _, p := range []struct {
		wanted uint16
		what   string
		got    net.Listener
	}{{u.o.PagePort, "the page", u.page}, {u.o.KafkaPort, "the broker", u.kafka}, {u.o.CentralPort, "Central", u.centralTCP}} {
		if got := portOf(p.got); p.wanted != 0 && got != int(p.wanted) {
			lines = append(lines, u.said().Sprintf("Port %d is taken by another program; %s is on %d.", p.wanted, u.said().Text(p.what), got))
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
			u.console.Live(u.live(time.Now())...)
		case key, open := <-keys:
			if !open {
				keys = nil // the terminal is closed; the demo goes on
			}
			u.press(key, time.Now())
			u.console.Live(u.live(time.Now())...)
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

// live is the last line of the terminal, the best first: in a narrow one the checks are
// left out.
func (u *terminalUI) live(now time.Time) []string {
	if now.Before(u.hintEnds) {
		return []string{u.hint}
	}
	activated, faulted, disconnected := u.aggregator.states()
	missed, pending := u.monitorStats()
	states := fmt.Sprintf("%s %d  %s %d  %s %d | ", display.Up.Mark(), activated, display.Failed.Mark(), faulted, display.Gone.Mark(), disconnected)
	waiting := waitingEvents.In(u.said()).Of(pending)
	return []string{states + u.said().Sprintf("%s, %d late | %s", checks.In(u.said()).Of(int64(u.aggregator.figures().Checks)), missed, waiting), states + waiting}
}

// press handles one key: a digit chooses a charge point, a letter sets the chosen
// one's behaviour, ? lists the keys, q ends the demo. Other keys do nothing.
func (u *terminalUI) press(key rune, now time.Time) {
	switch {
	case key == '?':
		u.console.Print(u.yourTurn()...)
		return
	case key == 'q' && u.o.Quit != nil:
		u.o.Quit()
		return
	}
	if u.fleet != nil && key >= '0' && key <= '9' {
		s := fleetShare(key - '0')
		u.share, u.hint, u.hintEnds = &s, u.said().Sprintf("%s: k answers KO, m is mute, o answers OK", s.in(u.said())), now.Add(hintLasts)
		return
	}
	if n := int(key - '0'); n >= 1 && n <= len(u.cps) {
		u.chosen = u.cp(n)
		u.hint, u.hintEnds = u.said().Sprintf("%s: k answers KO, m is mute, o answers OK", u.chosen.id), now.Add(hintLasts)
		return
	}
	command, known := map[rune]struct {
		behaviour engine.Behaviour
		text      string
	}{
		'k': {ko, "answers KO from now on, as you asked"},
		'm': {mute, "is mute from now on, as you asked"},
		'o': {ok, "answers OK from now on, as you asked"},
	}[key]
	switch {
	case !known:
	case u.share != nil:
		u.hintEnds = time.Time{}
		if err := u.commandShare(*u.share, command.behaviour, command.text); err != nil {
			u.hint, u.hintEnds = u.said().Error(err), now.Add(hintLasts)
		}
	case u.fleet != nil:
		u.hint, u.hintEnds = u.said().Text("first choose a share: 1 to 9 percent, 0 for all"), now.Add(hintLasts)
	case u.chosen == nil:
		u.hint, u.hintEnds = u.said().Text("first choose a charge point: 1 to 6"), now.Add(hintLasts)
	default:
		u.hintEnds = time.Time{}
		u.command(u.chosen, command.behaviour, command.text)
	}
}

// summary prints what was counted: sentences at a terminal, one log line off it.
func (u *terminalUI) summary(f figures) {
	if u.console.Terminal() {
		u.console.Print(f.summary(u.said(), u.console.Columns()-1)...)
		return
	}
	u.console.Logger().Info("demo ended", "lasted", f.Lasted, "checks", f.Checks, "late", f.Late,
		"faults", f.Faults, "told", f.FaultsShown, "cleared", f.Cleared, "false_alarms", f.FalseAlarms,
		"lost_monitors", f.Killed, "lost_told", f.KillsShown, "lost_returned", f.Returned,
		"events", f.Events, "arrived", f.Arrived, "sent_twice", f.Repeated)
}

// summary writes it as text, in lines of at most columns, with what to do next.
func (f figures) summary(said language.Language, columns int) []string {
	counted := said.Sprintf("%s, %s, %d late.", display.Duration(f.Lasted), checks.In(said).Of(int64(f.Checks)), f.Late)
	text := counted + " " + f.incidents(said) + " " + falseAlarms.In(said).Of(int64(f.FalseAlarms)) + ". " + f.delivery(said)
	return append(display.Wrap(text, columns), said.Text(`Next: "Three terminals" in README.md.`))
}

func (f figures) incidents(said language.Language) string {
	all, open := f.Faults+f.Killed, f.Faults+f.Killed-f.Cleared-f.Returned
	if all+f.FaultsShown+f.KillsShown == 0 {
		return said.Text("No fault and no lost Monitor.")
	}
	return said.Sprintf("%s and %s%s", faults.In(said).Of(int64(f.Faults)), losses.In(said).Of(int64(f.Killed)), f.outcome(said, all, open))
}

// outcome says whether each incident was shown once and cleared at most once.
func (f figures) outcome(said language.Language, all, open int) string {
	once := f.FaultsShown == f.Faults && f.KillsShown == f.Killed && f.Cleared <= f.Faults && f.Returned <= f.Killed
	switch {
	case !once:
		return said.Sprintf("; told %d and %d, cleared %d and %d.", f.FaultsShown, f.KillsShown, f.Cleared, f.Returned)
	case all == 1 && open == 0:
		return said.Text(", told once and cleared once.")
	case all == 1:
		return said.Text(", told once, not cleared yet.")
	case open == 0:
		return said.Text(", each told once and cleared once.")
	default:
		return said.Sprintf(", each told once; %d not cleared yet.", open)
	}
}

func (f figures) delivery(said language.Language) string {
	if f.Arrived == f.Events {
		return said.Sprintf("All %s reached the topic.", events.In(said).Of(int64(f.Events)))
	}
	return said.Sprintf("Only %d of %s reached the topic.", f.Arrived, events.In(said).Of(int64(f.Events)))
}
