package alert

import (
	"cmp"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
	"evcp/internal/language"
)

// What happened to charge points, for a title.
var (
	faultedMany      = display.NewPlural("%d charge point faulted", "%d charge points faulted")
	disconnectedMany = display.NewPlural("%d charge point disconnected", "%d charge points disconnected")
	stillFaulted     = display.NewPlural("%d charge point still faulted, for %s", "%d charge points still faulted, for %s")
	stillAway        = display.NewPlural("%d charge point still disconnected, for %s", "%d charge points still disconnected, for %s")
	wellMany         = display.NewPlural("%d charge point well again, after %s", "%d charge points well again, after %s")
	heardMany        = display.NewPlural("%d charge point heard again, after %s", "%d charge points heard again, after %s")
	sitesMany        = display.NewPlural("%d site: %s", "%d sites: %s")
	moreMany         = display.NewPlural("%d more", "%d more")
)

// oneTitle are the titles where one charge point is not well.
type oneTitle struct{ opened, repeated, recovered string }

var (
	oneFaulted      = oneTitle{"%s faulted: %s", "%s still faulted, for %s", "%s well again, after %s"}
	oneDisconnected = oneTitle{"%s disconnected: %s", "%s still disconnected, for %s", "%s heard again, after %s"}
)

// maxNamed is how many charge points a text names.
const maxNamed = 10

// Title is the message in one line.
func (m IncidentMessage) Title(l language.Language) string {
	if m.Kind == Test {
		return l.Text("Test: EV_Central can reach you")
	}
	title := m.what(l)
	if m.SiteTotal > 0 {
		return sitesMany.In(l).Of(int64(m.SiteTotal), title)
	}
	if m.Site != "" {
		title = m.Site + ": " + title
	}
	return title
}

func (m IncidentMessage) what(l language.Language) string {
	lasted := display.Duration(m.lasted())
	if m.Total == 1 && len(m.Members) == 1 {
		cp, titles := string(m.Members[0].CP), pick(m.Trouble, oneFaulted, oneDisconnected)
		switch m.Kind {
		case Recovered:
			return l.Sprintf(titles.recovered, cp, lasted)
		case Repeated:
			return l.Sprintf(titles.repeated, cp, lasted)
		default:
			return l.Sprintf(titles.opened, cp, adviceFor(l, m.Members[0].Cause).Phrase)
		}
	}
	switch m.Kind {
	case Recovered:
		return pick(m.Trouble, wellMany, heardMany).In(l).Of(int64(m.Total), lasted)
	case Repeated:
		return pick(m.Trouble, stillFaulted, stillAway).In(l).Of(int64(m.Still), lasted)
	default:
		return pick(m.Trouble, faultedMany, disconnectedMany).In(l).Of(int64(cmp.Or(m.Still, m.Total)))
	}
}

func pick[T any](k Kind, faulted, disconnected T) T {
	if k == Disconnected {
		return disconnected
	}
	return faulted
}

// lasted is from the first trouble to the recovery, or to the message.
func (m IncidentMessage) lasted() time.Duration {
	if !m.Recovered.IsZero() {
		return m.Recovered.Sub(m.Since)
	}
	return m.At.Sub(m.Since)
}

// Text is the whole message, several lines, with times in a zone.
func (m IncidentMessage) Text(l language.Language, zone *time.Location) string {
	if m.Kind == Test {
		return l.Sprintf("Somebody asked for this test at %s. Nothing is wrong.", clock(m.At, zone))
	}
	var lines []string
	if m.Kind == Recovered {
		lines = append(lines, l.Sprintf("From %s to %s.", clock(m.Since, zone), clock(m.Recovered, zone)))
	} else {
		lines = append(lines, l.Sprintf("Since %s.", clock(m.Since, zone)))
	}
	for _, c := range m.Causes {
		a := adviceFor(l, c.Cause)
		line := l.Sprintf("Cause: %s", a.Phrase)
		if m.Total > 1 {
			line = l.Sprintf("%d of %d: %s", c.Count, m.Total, a.Phrase)
		}
		if m.Kind != Recovered {
			line += ". " + a.Meaning + " " + a.Do
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	if m.SiteTotal > 0 {
		if m.Kind == Opened {
			lines = append(lines, l.Text("So many sites at once: look first at what they share, such as Central's own network."))
		}
		lines = append(lines, m.siteNames(l))
	}
	if m.Total > 1 && (m.SiteTotal == 0 || m.Kind != Recovered && m.Still <= maxNamed) {
		lines = append(lines, m.names(l))
	}
	if m.Kind == Repeated {
		lines = append(lines, l.Text("Nobody has taken it: \"Take it\" on Central's page ends these reminders."))
	}
	return strings.Join(lines, "\n")
}

// names are the charge points, as far as they are not well; at a recovery all.
func (m IncidentMessage) names(l language.Language) string {
	count := m.Still
	if m.Kind == Recovered {
		count = m.Total
	}
	var names []string
	for _, member := range m.Members[:min(len(m.Members), count, maxNamed)] {
		names = append(names, string(member.CP))
	}
	if more := count - len(names); more > 0 {
		names = append(names, moreMany.In(l).Of(int64(more)))
	}
	return strings.Join(names, ", ")
}

// siteNames are the sites, each with how many of its charge points the message is about.
func (m IncidentMessage) siteNames(l language.Language) string {
	var names []string
	for _, s := range m.Sites[:min(len(m.Sites), maxNamed)] {
		names = append(names, l.Sprintf("%s (%d)", cmp.Or(s.Site, l.Text("site not known")), s.Count))
	}
	if more := m.SiteTotal - len(names); more > 0 {
		names = append(names, moreMany.In(l).Of(int64(more)))
	}
	return strings.Join(names, ", ")
}

func clock(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2006-01-02 15:04:05 MST")
}

// reasonWords are what Central alone can say of a charge point: the Monitor's messages carry
// no cause, and who is disconnected says nothing at all.
type reasonWords struct{ phrase, meaning, do string }

var words = map[cpstate.Reason]reasonWords{
	cpstate.HeartbeatConnectionError: {
		"no answer from the Engine",
		"The Monitor reaches no Engine, or gets no answer that is one.",
		"Check the charger's power and network; the Monitor's log has the cause.",
	},
	cpstate.EngineFailure: {
		"the Engine fails",
		"The Monitor reports that the Engine fails; it has not said how.",
		"Look at the charge point's page, or at the Monitor's log.",
	},
	cpstate.SaidGoodbye: {
		"its Monitor signed off",
		"The Monitor was stopped, and nobody watches the Engine.",
		"Start the Monitor again, or enter a maintenance window.",
	},
	cpstate.ConnectionLost: {"its Monitor left without a word", unwatched, findMonitor},
	cpstate.Silent:         {"no sign of life of its Monitor", unwatched, findMonitor},
	cpstate.CentralRestarted: {
		"its Monitor is not heard since Central restarted", unwatched,
		"Look whether the Monitor reaches Central: its address, port and certificate.",
	},
}

const (
	unwatched   = "Whether the Engine works is not known."
	findMonitor = "Check power and network of the Monitor's machine, and that the Monitor runs."
)

// adviceFor is what a cause means: by the table that log and page have, or as Central can
// say it.
func adviceFor(l language.Language, cause string) advice.Advice {
	reason, known := cpstate.ParseReason(cause)
	if known && reason == cpstate.HeartbeatKO {
		cause, known = evcp.SaidKO.String(), false
	}
	if w, ok := words[reason]; known && ok {
		return advice.Advice{Phrase: l.Text(w.phrase), Meaning: l.Text(w.meaning), Do: l.Text(w.do)}
	}
	c, ok := evcp.ParseCause(cause, "")
	if !ok || c == evcp.NoCause {
		w := words[cpstate.EngineFailure]
		return advice.Advice{Phrase: l.Text(w.phrase), Meaning: l.Text(w.meaning), Do: l.Text(w.do)}
	}
	return advice.For(l, advice.Engine, c).With(advice.Details{Fleet: true})
}
