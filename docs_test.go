package evcp_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/language"
)

// documents are all pages that a person reads.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 10 {
		t.Fatalf("only %v", all)
	}
	return all
}

func readDoc(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?\n)```$")

// blocks are the fenced blocks of a page in one language.
func blocks(text, lang string) []string {
	var all []string
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if m[1] == lang {
			all = append(all, m[2])
		}
	}
	return all
}

// prose is a page without its fenced blocks.
func prose(text string) string { return fence.ReplaceAllString(text, "") }

// section is what stands under a heading, up to the next one of its level.
func section(text, heading string) string {
	_, rest, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		return ""
	}
	level, _, _ := strings.Cut(heading, " ")
	under, _, _ := strings.Cut(rest, "\n"+level+" ")
	return under
}

// TestQuickStart holds the first section of both READMEs to the two commands.
func TestQuickStart(t *testing.T) {
	for file, heading := range map[string]string{"README.md": "## Quick start", "README.es.md": "## Inicio rápido"} {
		text := readDoc(t, file)
		_, rest, _ := strings.Cut(text, "\n## ")
		if first, _, _ := strings.Cut(rest, "\n"); "## "+first != heading {
			t.Errorf("%s begins with ## %s", file, first)
		}
		under := section(text, heading)
		all := fence.FindAllStringSubmatch(under, -1)
		if len(all) != 1 || all[0][1] != "sh" || all[0][2] != "go run ./cmd/ev-demo\nmake test\n" {
			t.Errorf("%s: under %s stands %q", file, heading, all)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksLeadSomewhere follows every relative link of every page, to the file
// and to the heading.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(prose(readDoc(t, file)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(m[1], "#")
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", file, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(readDoc(t, path)), anchor) {
				t.Errorf("%s: %s has no heading for #%s", file, path, anchor)
			}
		}
	}
}

var (
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInASlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the headings of a page as a link names them.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		slug := notInASlug.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

var linkedTest = regexp.MustCompile("`?(Test[A-Z][A-Za-z]+)`?\\]\\(([^)]+)\\)")

// TestNamedTestsExist looks for every test that a page names and links.
func TestNamedTestsExist(t *testing.T) {
	n := 0
	for _, file := range documents(t) {
		for _, m := range linkedTest.FindAllStringSubmatch(prose(readDoc(t, file)), -1) {
			n++
			if !strings.Contains(readDoc(t, filepath.Join(filepath.Dir(file), m[2])), "func "+m[1]+"(") {
				t.Errorf("%s: %s is not in %s", file, m[1], m[2])
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d tests are named", n)
	}
}

// TestRecordsOnThePages holds every event that a page shows to the schema, and to
// the very bytes of the encoder.
func TestRecordsOnThePages(t *testing.T) {
	schema := openSchema(t)
	shown := map[evcp.Action]bool{}
	for _, file := range []string{"README.md", "README.es.md", "docs/EVENTS.md"} {
		for line := range strings.Lines(strings.Join(blocks(readDoc(t, file), "json"), "")) {
			line = strings.TrimSpace(line)
			e, err := evcp.ParseEvent([]byte(line))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			shown[e.Action] = true
			if again := string(e.AppendJSON(nil)); again != line {
				t.Errorf("%s shows\n%s\nthe encoder writes\n%s", file, line, again)
			}
			if err := schema.Validate(fieldsOf(t, []byte(line))); err != nil {
				t.Errorf("%s: %s\n%v", file, line, err)
			}
		}
	}
	for a := evcp.RegisterToCentral; a <= evcp.LastAction; a++ {
		if !shown[a] {
			t.Errorf("no page shows %s", a)
		}
	}
}

// TestEveryFieldIsExplained looks for every action and field of every event in
// docs/EVENTS.md.
func TestEveryFieldIsExplained(t *testing.T) {
	page := prose(readDoc(t, "docs/EVENTS.md"))
	for _, record := range records(t) {
		fields := fieldsOf(t, record)
		for name := range fields {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/EVENTS.md does not explain `%s`", name)
			}
		}
		if action := fields["action"].(string); !strings.Contains(page, "| `"+action+"` |") {
			t.Errorf("docs/EVENTS.md does not list `%s`", action)
		}
	}
	for c := evcp.SaidKO; c <= evcp.LastCause; c++ {
		if !strings.Contains(page, "`"+cmp.Or(c.Detail(), c.String())+"`") {
			t.Errorf("docs/EVENTS.md does not explain the cause `%s` %s", c, c.Detail())
		}
	}
}

// TestAdviceIsTheTablesOwn holds the pages to the words of internal/advice.
func TestAdviceIsTheTablesOwn(t *testing.T) {
	peers := map[string]advice.Remote{"Engine": advice.Engine, "Central": advice.Central, "Kafka": advice.Kafka}
	operations := readDoc(t, "docs/OPERATIONS.md")
	for _, peer := range peers {
		for c := evcp.SaidKO; c <= evcp.LastCause; c++ {
			a := advice.For(language.English, peer, c).With(advice.Details{Reply: "…", CP: "CP_001", Topic: "monitor-events"})
			row := "| " + a.Phrase + " | " + a.Meaning + " | " + a.Do + " |\n"
			if (peer == advice.Engine || c < evcp.Stalled) && !strings.Contains(operations, row) {
				t.Errorf("docs/OPERATIONS.md lacks %s", row)
			}
		}
	}
	for c := evcp.Protocol; c < evcp.Stalled; c++ {
		a := advice.ForKafka(language.English, c, advice.Details{Reply: "…", Broker: "kafka:9092", Answering: "127.0.0.1:9092"})
		row := "| " + a.Phrase + " | " + a.Meaning + " | " + a.Do + " |\n"
		if c != evcp.Other && !strings.Contains(operations, row) {
			t.Errorf("docs/OPERATIONS.md lacks %s", row)
		}
	}
	said := maps.Clone(advice.KafkaLinks)
	said[evcp.SaidKO] = advice.KafkaRefusals
	for c, rows := range said {
		for _, r := range rows {
			a := advice.ForKafka(language.English, c, advice.Details{Reply: r.Error, Topic: "monitor-events"})
			if row := "| `" + r.Error + "` | " + a.Meaning + " | " + a.Do + " |\n"; !strings.Contains(operations, row) {
				t.Errorf("docs/OPERATIONS.md lacks %s", row)
			}
		}
	}
	security := readDoc(t, "docs/SECURITY.md")
	for _, r := range advice.TLSRows {
		a := advice.For(language.English, advice.Engine, evcp.TLS).With(advice.Details{Reply: r.Begins})
		begins, more := strings.CutSuffix(r.Begins, " ")
		if more {
			begins += " …"
		}
		if row := "| " + begins + " | " + a.Meaning + " | " + a.Do + " |\n"; !strings.Contains(security, row) {
			t.Errorf("docs/SECURITY.md lacks %s", row)
		}
	}
	for page, c := range map[string]struct {
		heading string
		said    language.Language
	}{"README.md": {"## When something is wrong", language.English}, "README.es.md": {"## Cuando algo va mal", language.Spanish}} {
		rows := adviceRows(peers, c.said)
		n := 0
		for line := range strings.Lines(section(readDoc(t, page), c.heading)) {
			of, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), ": ")
			if _, known := peers[of]; known {
				n++
				if !rows[line] {
					t.Errorf("%s says otherwise than internal/advice: %s", page, line)
				}
			}
		}
		if n < 5 {
			t.Errorf("%s has %d rows of advice", page, n)
		}
	}
}

// adviceRows are all rows that a table of advice may have.
func adviceRows(peers map[string]advice.Remote, said language.Language) map[string]bool {
	rows := map[string]bool{}
	for name, peer := range peers {
		for c := evcp.SaidKO; c <= evcp.LastCause; c++ {
			a := advice.For(said, peer, c).With(advice.Details{Reply: "…", CP: "CP_001", Topic: "monitor-events"})
			rows["| "+name+": "+a.Phrase+" | "+a.Meaning+" | "+a.Do+" |\n"] = true
		}
	}
	return rows
}

// TestNoPictureIsHeavy keeps the pages quick on a slow line.
func TestNoPictureIsHeavy(t *testing.T) {
	pictures, err := filepath.Glob("docs/img/*")
	if err != nil || len(pictures) == 0 {
		t.Fatal("no picture", err)
	}
	for _, p := range pictures {
		if info, err := os.Stat(p); err != nil || info.Size() > 200<<10 {
			t.Errorf("%s: %v", p, err)
		}
	}
}
