package fleet_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/fleet"
)

var defaults = fleet.CheckSettings{Interval: time.Second, Fall: 3, Rise: 1}

func read(t *testing.T, name, text string) fleet.Content {
	t.Helper()
	f, err := fleet.Read("ev-cp-m", name, []byte(text), nil, defaults)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listed writes what is watched, and how where it differs from the defaults.
func listed(targets []fleet.Member) (lines []string) {
	for _, t := range targets {
		line := fmt.Sprintf("%s %s", t.CP, t.Address)
		if s := t.Settings; s.Site != "" {
			line += fmt.Sprintf(" %q", s.Site)
		}
		usual := defaults
		usual.Timeout, usual.Site = 900*time.Millisecond, t.Settings.Site
		if s := *t.Settings; s != usual {
			line += fmt.Sprintf(" %s/%s %d/%d %v", s.Interval, s.Timeout, s.Fall, s.Rise, s.TLS)
		}
		lines = append(lines, line)
	}
	return lines
}

func compare(t *testing.T, got []string, want string) {
	t.Helper()
	if text := strings.Join(got, "\n"); text != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

const example = `name: gandia
central: 10.0.0.5:5000
defaults:
  interval: 1s
sites:
  - site: Gandía Puerto
    cps:
      - cp_id: CP_[009-011]
        engine: 10.0.1.[9-11]:5001
  - site: Alicante Sur
    interval: 2s
    engine_tls: true
    engine_ca: ca.pem
    cps:
      - cp_id: CP_013
        engine: 10.0.2.11:5001
        timeout: 500ms
      - {cp_id: CP_014, engine: "[2001:db8::1]:5001", fall: 5, rise: 2, engine_server_name: cp14}
cps:
  - cp_id: "X[1-2]"
    engine: engines.example:[6001-6002]
  - cp_id: Y-[08-10].b
    engine: localhost:5001
`

// TestExample reads all that a file may say.
func TestExample(t *testing.T) {
	f := read(t, "some/fleet.yaml", example)
	if f.Name != "gandia" || f.Central != "10.0.0.5:5000" {
		t.Errorf("%q, %q", f.Name, f.Central)
	}
	compare(t, listed(f.Members), `
CP_009 10.0.1.9:5001 "Gandía Puerto"
CP_010 10.0.1.10:5001 "Gandía Puerto"
CP_011 10.0.1.11:5001 "Gandía Puerto"
CP_013 10.0.2.11:5001 "Alicante Sur" 2s/500ms 3/1 {true ca.pem   }
CP_014 [2001:db8::1]:5001 "Alicante Sur" 2s/1.8s 5/2 {true ca.pem   cp14}
X1 engines.example:6001
X2 engines.example:6002
Y-08.b localhost:5001
Y-09.b localhost:5001
Y-10.b localhost:5001`)
	if f.Members[0].Settings != f.Members[2].Settings {
		t.Error("equal settings are two copies")
	}
}

// TestPackagedFile reads the example that is shipped.
func TestPackagedFile(t *testing.T) {
	text, err := os.ReadFile("../../packaging/fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if f := read(t, "fleet.yaml", string(text)); len(f.Members) != 13 || f.Name != "fleet" {
		t.Errorf("%q: %d charge points", f.Name, len(f.Members))
	}
}

// TestName: the folder is named by the file where the file says nothing.
func TestName(t *testing.T) {
	for path, want := range map[string]string{"fleet.yaml": "fleet", "/etc/ev-cp-m/gandia-1.yml": "gandia-1", `C:\fleets\sur.csv`: "sur", "plain": "plain"} {
		text := "cps: [{cp_id: A, engine: 'h:1'}]"
		if strings.HasSuffix(path, ".csv") {
			text = "cp_id,engine\nA,h:1"
		}
		if f := read(t, path, text); f.Name != want {
			t.Errorf("%s: %q", path, f.Name)
		}
	}
}

// TestCSV reads what spreadsheets write.
func TestCSV(t *testing.T) {
	want := `
CP_1 10.0.0.1:5001 "Sur"
CP_2 10.0.0.2:5001 "Calle ""A"", 1" 2s/500ms 5/1 {false    }
N1 h:1
N2 h:2`
	want = strings.ReplaceAll(want, `"Calle ""A"", 1"`, `"Calle \"A\", 1"`)
	for name, text := range map[string]string{
		"commas":     "cp_id,engine,site,interval,timeout,fall\nCP_1,10.0.0.1:5001,Sur,,,\nCP_2, 10.0.0.2:5001 ,\"Calle \"\"A\"\", 1\",2s,500ms,5\n\n# more\nN[1-2],h:[1-2],,,,\n,,,,,\n",
		"semicolons": "\ufeffCP ID;Engine;Site;Interval;Timeout;Fall\r\nCP_1;10.0.0.1:5001;Sur;;;\r\nCP_2;10.0.0.2:5001;\"Calle \"\"A\"\", 1\";2s;500ms;5\r\nN[1-2];h:[1-2];;;;\r\n",
		"tabs":       "engine\tcp_id\tsite\tfall\tinterval\ttimeout\n10.0.0.1:5001\tCP_1\tSur\t\t\t\n10.0.0.2:5001\tCP_2\t\"Calle \"\"A\"\", 1\"\t5\t2s\t500ms\nh:[1-2]\tN[1-2]\t\t\t\t",
	} {
		t.Run(name, func(t *testing.T) { compare(t, listed(read(t, "a.CSV", text).Members), want) })
	}
}

// TestDiff: what a new file changes.
func TestDiff(t *testing.T) {
	before := read(t, "f.yaml", "cps:\n- {cp_id: 'A[1-5]', engine: 'h:[1-5]'}\n- {cp_id: B, engine: 'h:9'}")
	same := read(t, "f.yaml", "defaults: {fall: 3}\ncps:\n- {cp_id: B, engine: 'h:9'}\n- {cp_id: 'A[1-5]', engine: 'h:[1-5]'}")
	type target struct {
		fleet.Member // without its settings
		settings     fleet.CheckSettings
	}
	targets := func(members []fleet.Member) (all []target) {
		for _, m := range members {
			all = append(all, target{fleet.Member{CP: m.CP, Address: m.Address}, *m.Settings})
		}
		return all
	}
	diff := func(before, after []fleet.Member) fleet.Difference[target] {
		return fleet.Diff(targets(before), targets(after), func(t target) evcp.CPID { return t.CP })
	}
	members := func(targets []target) (all []fleet.Member) {
		for _, t := range targets {
			all = append(all, fleet.Member{CP: t.CP, Address: t.Address, Settings: &t.settings})
		}
		return all
	}
	if c := diff(before.Members, same.Members); len(c.Added)+len(c.Removed)+len(c.Changed) > 0 {
		t.Errorf("another order is a change: %+v", c)
	}
	after := read(t, "f.yaml", "cps:\n- {cp_id: C, engine: 'h:8'}\n- {cp_id: A1, engine: 'h:1', fall: 2}\n- {cp_id: 'A[2-4]', engine: 'h:[3-5]'}")
	c := diff(before.Members, after.Members)
	compare(t, listed(members(c.Added)), "C h:8")
	compare(t, listed(members(c.Removed)), "A5 h:5\nB h:9")
	compare(t, listed(members(c.Changed)), "A1 h:1 1s/900ms 2/1 {false    }\nA2 h:3\nA3 h:4\nA4 h:5")
}

// TestErrors holds every error to its words and its place. All of a file come at once.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"all at once", "fleet.yaml", `defaults:
  intervall: 1s
sites:
  - site: Sur
    cps:
      - cp_id: CP_[001-012]
        engine: 10.0.1.[11-22]:5001
      - cp_id: CP_013
        engine: 10.0.1.300:5001
  - cps:
      - cp_id: CP_004
        engine: 10.0.2.11:5001
        timeout: 5s
      - cp_id: CP/5
        engine: 10.0.2.12
        fall: none
      - engine: h:1
      - cp_id: CP_[01-10]
        engine: h:[1-9]
colour: red
`, `ev-cp-m: 10 errors in fleet.yaml; nothing was started.

fleet.yaml:2: unknown key intervall. Did you mean interval?
    2 |   intervall: 1s
      |   ^^^^^^^^^
fleet.yaml:9: engine "10.0.1.300:5001": an IPv4 address is four numbers from
0 to 255, as 192.168.1.10, and a name ends with a letter
    9 |         engine: 10.0.1.300:5001
      |                 ^^^^^^^^^^^^^^^
fleet.yaml:10: site is missing
   10 |   - cps:
      |     ^
fleet.yaml:11: timeout "5s": it must not exceed interval (1s)
   11 |       - cp_id: CP_004
      |                ^^^^^^
fleet.yaml:11: cp_id CP_004 stands twice (also line 6)
   11 |       - cp_id: CP_004
      |                ^^^^^^
fleet.yaml:14: cp_id "CP/5": a charge point id is 1 to 64 of A-Z a-z 0-9 . _
-
   14 |       - cp_id: CP/5
      |                ^^^^
fleet.yaml:16: fall "none": a whole number from 1 to 1000000 is needed
   16 |         fall: none
      |               ^^^^
fleet.yaml:17: cp_id is missing
   17 |       - engine: h:1
      |         ^
fleet.yaml:19: engine "h:[1-9]": the range has 9, and that of cp_id 10
   19 |         engine: h:[1-9]
      |                 ^^^^^^^
fleet.yaml:20: unknown key colour.
   20 | colour: red
      | ^^^^^^`},
		{"syntax hides nothing", "fleet.yaml", `cps:
  - cp_id: "CP_1
    engine: h:1
  - cp_id: CP_2
    engine: nowhere
`, `ev-cp-m: 2 errors in fleet.yaml; nothing was started.

fleet.yaml:2: not YAML: found unexpected end of stream
    2 |   - cp_id: "CP_1
      |            ^
fleet.yaml:5: engine "nowhere": an address is HOST:PORT, the port a number
from 1 to 65535
    5 |     engine: nowhere
      |             ^^^^^^^`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fleet.Read("ev-cp-m", c.file, []byte(c.text), nil, defaults)
			if err == nil || err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

// TestOneError: bad files with a single error.
func TestOneError(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"f.yaml", "", "f.yaml: no charge point stands in it"},
		{"f.yaml", "cps: []", "f.yaml: no charge point stands in it"},
		{"mi flota.yaml", "cps: [{cp_id: A, engine: 'h:1'}]", "mi flota.yaml: the file's name, or name: in it, names the state folder: 1 to 64 of A-Z a-z 0-9 . _ -"},
		{"f.yaml", "- a", `f.yaml:1: "key: value" is needed here`},
		{"f.yaml", "cps: {a: b}", `f.yaml:1: a list is needed here: lines that begin with "- "`},
		{"f.yaml", "cps: [x]", `f.yaml:1: "key: value" is needed here`},
		{"f.yaml", "cps:\n- &a {cp_id: A, engine: 'h:1'}\n- {cp_id: B, engine: 'h:1'}", `f.yaml:2: "key: value" is needed here`},
		{"f.yaml", "x: &a {cp_id: A, engine: 'h:1'}\ncps:\n- *a", ``},
		{"f.yaml", "cps: [{cp_id: [A], engine: 'h:1'}]", "f.yaml:1: cp_id: one plain value is needed here"},
		{"f.yaml", "cps: [{cp_id: , engine: 'h:1'}]", "f.yaml:1: cp_id: no value; write \"\" for none, or take the line out"},
		{"f.yaml", "cps: [{cp_id: A, cp_id: B, engine: 'h:1'}]", "f.yaml:1: cp_id stands twice; the first is in line 1"},
		{"f.yaml", "cps: [{cp_id: A, engine: 'h:1'}]\n---\ncps: [{cp_id: B, engine: 'h:1'}]", "f.yaml:3: one document is allowed in this file"},
		{"f.yaml", "cps: [{cp_id: 'A[1-2][1-2]', engine: 'h:1'}]", `f.yaml:1: cp_id "A[1-2][1-2]": one range is allowed, and there are more`},
		{"f.yaml", "cps: [{cp_id: 'A[2-1]', engine: 'h:1'}]", `f.yaml:1: cp_id "A[2-1]": a range goes from the lower number to the higher`},
		{"f.yaml", "cps: [{cp_id: 'A[0-99999999999999999999]', engine: 'h:1'}]", `f.yaml:1: cp_id "A[0-99999999999999999999]": a range is written as [001-012]`},
		{"f.yaml", "cps: [{cp_id: 'A[1-60000]', engine: 'h:1'}, {cp_id: 'B[1-60000]', engine: 'h:1'}]", "f.yaml:1: a fleet has at most 100000 charge points"},
		{"f.yaml", "cps: [{cp_id: 'A[1-2', engine: 'h:1'}]", `f.yaml:1: cp_id "A[1-2": a range is written as [001-012]`},
		{"f.yaml", "cps: [{cp_id: 'A[1-2]', engine: 'h:[65535-65536]'}]", `f.yaml:1: engine "h:65536": an address is HOST:PORT, the port a number from 1 to 65535`},
		{"f.yaml", "cps: [{cp_id: A, engine: 'h:1', engine_ca: a}]", "f.yaml:1: engine_ca, engine_cert, engine_key and engine_server_name go with engine_tls: true"},
		{"f.yaml", "cps: [{cp_id: A, engine: 'h:1', engine_tls: true, engine_key: a}]", "f.yaml:1: engine_cert and engine_key go together"},
		{"f.yaml", "central: x\ncps: [{cp_id: A, engine: 'h:1'}]", `f.yaml:1: central "x": an address is HOST:PORT, the port a number from 1 to 65535`},
		{"f.yaml", "sites: [{site: a}]\ncps: [{cp_id: A, engine: 'h:1'}]", "f.yaml:1: cps is missing"},
		{"f.yaml", "\xff", "f.yaml:1: not UTF-8 text"},
		{"f.yaml", strings.Repeat("#", fleet.MaxFile+1), "f.yaml: larger than 8192 KiB"},
		{"f.csv", "cp_id;engine\nA;h:1;x\n", "f.csv:2: the header has 2 fields, and this line 3"},
		{"f.csv", "cp;engine\nA;h:1\n", ""},
		{"f.csv", "cp_id,engine,engin\nA,h:1,\n", "f.csv:1: unknown key engin. Did you mean engine?"},
		{"f.csv", "cp_id,engine,engine\nA,h:1,\n", "f.csv:1: engine stands twice; the first is in line 1"},
		{"f.csv", "cp_id,engine\nA,h:1\nA,h:2\n", "f.csv:3: cp_id A stands twice (also line 2)"},
		{"f.csv", "cp_id,engine\nA,\n", "f.csv:2: engine is missing"},
		{"f.csv", "cp_id,engine\nA\"A,h:1\n", `f.csv:2: a quote stands in quotes, and twice: "Calle ""A"""`},
		{"f.csv", "cp_id,engine,interval\nA,h:1,1\n", `f.csv:2: interval "1": a duration is a number with its unit: 500ms, 2s, 1m30s`},
	} {
		_, err := fleet.Read("p", c.file, []byte(c.text), nil, defaults)
		got := fmt.Sprint(err)
		if first, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimPrefix(got, "p: "), "\n", " "), "     1 |"); c.want != "" && !strings.HasPrefix(first, c.want) {
			t.Errorf("%.80q: %s, want %s", c.text, got, c.want)
		}
		if err == nil || strings.Contains(got, "errors in") != (c.want == "") {
			t.Errorf("%.80q: %s", c.text, got)
		}
	}
	if _, err := fleet.Read("p", "f.yaml", nil, &fs.PathError{Op: "open", Path: "f.yaml", Err: errors.New("no such file")}, defaults); fmt.Sprint(err) != "p: f.yaml: no such file" {
		t.Error(err)
	}
}

// yamlOf is a file with a charge point in each item, csvOf in each line.
func yamlOf(n int, cp string) string {
	b := new(strings.Builder)
	b.WriteString("defaults:\n  interval: 1s\nsites:\n  - site: Gandía # a comment\n    cps:\n")
	for i := range n {
		fmt.Fprintf(b, "      - cp_id: "+cp+"\n        engine: \"10.%d.%d.%d:5001\"\n        timeout: 500ms\n", i, i>>16, i>>8&255, i&255)
	}
	return b.String()
}

func csvOf(n int, cp string) string {
	b := new(strings.Builder)
	b.WriteString("cp_id,engine,site,timeout\n")
	for i := range n {
		fmt.Fprintf(b, cp+",10.%d.%d.%d:5001,Gandía,500ms\n", i, i>>16, i>>8&255, i&255)
	}
	return b.String()
}

// TestLinear: memory, and so the work, grows with the size and not with its square: for good
// files, for files in which every charge point is wrong, and for files that are one line.
func TestLinear(t *testing.T) {
	oneLine := func(text string) string {
		return "cps: [" + strings.Repeat(text+", ", 1)[:len(text)] + "]"
	}
	flow := func(n int, cp string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf("{cp_id: "+cp+", engine: h:1}", i)
		}
		return oneLine(strings.Join(items, ", "))
	}
	for name, of := range map[string]func(n int) (string, string){
		"yaml":           func(n int) (string, string) { return "f.yaml", yamlOf(n, "CP_%06d") },
		"yaml, wrong":    func(n int) (string, string) { return "f.yaml", yamlOf(n, "CP/%06d") },
		"yaml, one line": func(n int) (string, string) { return "f.yaml", flow(n, "CP_%06d") },
		"one line wrong": func(n int) (string, string) { return "f.yaml", flow(n, "CP/%06d") },
		"no yaml":        func(n int) (string, string) { return "f.yaml", strings.Repeat("cps:\n  - cp_id: \"A\n    - x: }\n", n) },
		"csv":            func(n int) (string, string) { return "f.csv", csvOf(n, "CP_%06d") },
		"csv, wrong":     func(n int) (string, string) { return "f.csv", csvOf(n, "CP/%06d") },
		"csv, quotes":    func(n int) (string, string) { return "f.csv", "cp_id,engine\n" + strings.Repeat("a\"b,\"", n) },
	} {
		t.Run(name, func(t *testing.T) {
			allocated := func(n int) uint64 {
				file, text := of(n)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, _ = fleet.Read("p", file, []byte(text), nil, defaults)
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			small, large := allocated(500), allocated(8000)
			if large > 16*2*small+1<<20 {
				t.Errorf("16 times the charge points took %d KiB instead of %d KiB", large>>10, small>>10)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for name, of := range map[string]func() (string, string){
		"yaml": func() (string, string) { return "f.yaml", yamlOf(15000, "CP_%05d") },
		"csv":  func() (string, string) { return "f.csv", csvOf(15000, "CP_%05d") },
		"range": func() (string, string) {
			return "f.yaml", "cps:\n  - cp_id: CP_[00001-15000]\n    engine: 10.0.1.1:[10001-25000]\n"
		},
		"wrong": func() (string, string) { return "f.yaml", yamlOf(15000, "CP/%05d") },
	} {
		b.Run(name, func(b *testing.B) {
			file, text := of()
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = fleet.Read("p", file, []byte(text), nil, defaults)
			}
		})
	}
}

// FuzzYAML and FuzzCSV: whatever stands in a file, reading it ends, and what it says is fit
// to be watched.
func FuzzYAML(f *testing.F) {
	f.Add(example)
	f.Add("cps:\n- cp_id: A\n  engine: \"h:1\n- {")
	f.Add("a: &a [*a]\ncps: *a")
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "f.yaml", text) })
}

func FuzzCSV(f *testing.F) {
	f.Add("cp_id,engine\nA,h:1\n\"B\"\"\",h:2")
	f.Add("\ufeffCP ID;engine;site\n\"A\n[1-3]\";h:[1-3];\"\n")
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "f.csv", text) })
}

func fuzz(t *testing.T, file, text string) {
	got, err := fleet.Read("p", file, []byte(text), nil, defaults)
	if err != nil {
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
			t.Errorf("a control character in %q", err)
		}
		return
	}
	if len(got.Members) == 0 || len(got.Members) > fleet.MaxMembers || got.Name == "" {
		t.Errorf("%d targets of %q", len(got.Members), got.Name)
	}
	seen := map[evcp.CPID]bool{}
	for _, target := range got.Members {
		s := target.Settings
		id, err := evcp.ParseCPID(string(target.CP))
		if err != nil || id == "." || id == ".." || seen[id] || !strings.Contains(target.Address, ":") || s.Timeout <= 0 || s.Timeout > s.Interval || s.Fall == 0 || s.Rise == 0 {
			t.Errorf("%q %q %+v", target.CP, target.Address, *s)
		}
		seen[id] = true
	}
	if again, err := fleet.Read("p", file, []byte(text), nil, defaults); err != nil || !slices.EqualFunc(again.Members, got.Members, func(a, b fleet.Member) bool {
		return a.CP == b.CP && a.Address == b.Address && *a.Settings == *b.Settings
	}) {
		t.Errorf("read differently the second time: %v", err)
	}
}
