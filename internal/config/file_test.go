package config_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"evcp/internal/config"
	"evcp/internal/display"
)

func TestFilesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"list": {"kafka_brokers: [a:1, b:2]\n- x", `2 errors in ./network.yaml; nothing was started.

./network.yaml:1: each line of this file is one plain key: value
    1 | kafka_brokers: [a:1, b:2]
      |                ^
./network.yaml:2: each line of this file is one plain key: value
    2 | - x
      | ^`},
		"nested": {"engine_ip:\n  host: x", `./network.yaml:1: engine_ip: one plain value is needed here
    1 | engine_ip:
      | ^^^^^^^^^`},
		"twice": {"fall: 3\nfall: 4", `./network.yaml:2: fall stands twice; the first is in line 1
    2 | fall: 4
      | ^^^^`},
		"no value": {"kafka_brokers:\n", `./network.yaml:1: kafka_brokers: no value; write "" for none, or take the
line out
    1 | kafka_brokers:
      | ^^^^^^^^^^^^^`},
		"dashes": {"engine-port: 1", `./network.yaml:1: unknown key engine-port. Did you mean engine_port?
    1 | engine-port: 1
      | ^^^^^^^^^^^`},
		"flag only": {"test: true", `./network.yaml:1: test can't stand in a file; it is the flag --test
    1 | test: true
      | ^^^^`},
		"syntax": {"engine_ip: a: b", `./network.yaml:1: not YAML: mapping values are not allowed in this context
    1 | engine_ip: a: b
      |             ^`},
		"several": {"engine_ip: a: b\nhello\nfal: 3\ncp_id: \"CP_1\n\n# so\n rise: 2\nfall: 4\nengine_port: @5\nkeep: 5\n", `6 errors in ./network.yaml; nothing was started.

./network.yaml:1: not YAML: mapping values are not allowed in this context
    1 | engine_ip: a: b
      |             ^
./network.yaml:2: each line of this file is one plain key: value
    2 | hello
      | ^^^^^
./network.yaml:3: unknown key fal. Did you mean fall?
    3 | fal: 3
      | ^^^
./network.yaml:7: a key begins its line, without blanks or tabs before it
    7 |  rise: 2
      |  ^^^^^^^
./network.yaml:9: not YAML: found character that cannot start any token
    9 | engine_port: @5
      |              ^
./network.yaml:10: keep "5": a size is a whole number with its unit: 64MiB,
1GiB
   10 | keep: 5
      |       ^`},
		"open quote": {"fall: 3\ncp_id: 'CP_1\nengine_prt: 1\n", `2 errors in ./network.yaml; nothing was started.

./network.yaml:2: not YAML: found unexpected end of stream
    2 | cp_id: 'CP_1
      |        ^
./network.yaml:3: unknown key engine_prt. Did you mean engine_port?
    3 | engine_prt: 1
      | ^^^^^^^^^^`},
		"alias": {"cp_id: &id CP_1\ninstance: *id\n", `2 errors in ./network.yaml; nothing was started.

./network.yaml:1: each line of this file is one plain key: value
    1 | cp_id: &id CP_1
      |        ^
./network.yaml:2: each line of this file is one plain key: value
    2 | instance: *id
      |           ^`},
		"scalar": {"hello", `./network.yaml:1: each line of this file is one plain key: value
    1 | hello
      | ^^^^^`},
		"two documents": {"fall: 1\n---\nrise: 2", `./network.yaml:2: each line of this file is one plain key: value
    2 | ---
      | ^^^`},
		"UTF-16":  {"fall: 1\r\n\xff\xfef", `./network.yaml:2: not UTF-8 text`},
		"too big": {strings.Repeat("#", 64<<10+1), `./network.yaml: larger than 64 KiB`},
		"escapes": {"engine_ip: \"\\e[31m\"", `./network.yaml:1: engine_ip "\x1b[31m": a host is a name or an IP
address, without port or scheme
    1 | engine_ip: "\e[31m"
      |            ^^^^^^^^`},
		"wide": {"engine_ip: '日本' # 日本", `./network.yaml:1: engine_ip "日本": a host is a name or an IP address, without
port or scheme
    1 | engine_ip: '日本' # 日本
      |            ^^^^^^`},
		"long": {"engine_ip: " + strings.Repeat("x", 300), `./network.yaml:1: engine_ip
"` + strings.Repeat("x", 59) + `…":
a host is a name or an IP address, without port or scheme
    1 | engine_ip: ` + strings.Repeat("x", 60) + `…
      |            ` + strings.Repeat("^", 61)},
		"far right": {strings.Repeat(" ", 100) + "fell: 3", `./network.yaml:1: unknown key fell. Did you mean fall?
    1 | …` + strings.Repeat(" ", 17) + `fell: 3
      |  ` + strings.Repeat(" ", 17) + `^^^^`},
	} {
		t.Run(name, func(t *testing.T) {
			got := wrong(t, "", nil, map[string]string{"./network.yaml": c.file})
			if got != "ev-cp-m: "+c.want && got != wrapped(c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// wrapped is want with its first paragraph wrapped anew behind the program's name.
func wrapped(want string) string {
	var text, rest []string
	for line := range strings.SplitSeq(want, "\n") {
		if len(rest) > 0 || strings.HasPrefix(line, "    ") {
			rest = append(rest, line)
		} else {
			text = append(text, line)
		}
	}
	return strings.Join(append(display.Wrap("ev-cp-m: "+strings.Join(text, " "), 76), rest...), "\n")
}

func TestFilesThatAreFine(t *testing.T) {
	for name, file := range map[string]string{
		"empty":     "",
		"comments":  "# nothing yet\n\n   # here\n",
		"Windows":   "\ufeffcp_id: CP_7\r\nfall: 4 # why\r\n",
		"old Mac":   "fall: 4\rrise: 2\r",
		"quotes":    "cp_id: '0017'\nkafka_brokers: \"\"\n",
		"numbers":   "cp_id: 001\nkeep: 0\n",
		"one start": "---\nfall: 4\n",
		"shared":    "listen: :5000\nregistry: cps.txt\n",
	} {
		if got := wrong(t, "", nil, map[string]string{"./network.yaml": file}); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The time to read a file grows with its size and not with the square of it, whatever
// the lines are. Allocated bytes stand for the time.
func TestReadingIsLinear(t *testing.T) {
	for name, line := range map[string]string{
		"keys": "key_%d: value\n", "long key": "x", "far right": " ", "empty values": "k%d:\n", "comments": "# %d\n", "no YAML": "a: b%d: c\n", "indented": " a%d: b\n", "quotes": "k%d: 'v'\n",
	} {
		allocated := func(size int) float64 {
			var b strings.Builder
			for i := 0; b.Len() < size-len(line)-20; i++ {
				b.WriteString(strings.ReplaceAll(line, "%d", strconv.Itoa(i)))
			}
			files := map[string]string{"./network.yaml": b.String() + "fell: 3"}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = monitor(&options{}).Load(nil, env(nil), disk(files))
			runtime.ReadMemStats(&after)
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		if small, large := allocated(config.MaxFile/8), allocated(config.MaxFile); large > 12*small {
			t.Errorf("%s: eight times the size takes %.1f times the memory", name, large/small)
		}
	}
}

// A parser that recurses would end the process here; one that looks back would hang.
func TestAHostileFileIsOnlyWrong(t *testing.T) {
	for name, line := range map[string]string{
		"flow": "[", "maps": "{a: ", "sequences": "- ", "keys": "? ", "anchors": "&a ", "text": "a", "quotes": `"`, "colons": "a: ", "tabs": "\t",
	} {
		file := strings.Repeat(line, 64<<10/len(line))
		if got := wrong(t, "", nil, map[string]string{"./network.yaml": file}); got == "" && name != "tabs" {
			t.Errorf("%s: no error", name)
		}
	}
}
