package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is where and when, as far as a reader needs it to judge the figures.
type machine struct {
	date, cpu, kernel, goVersion, commit, haproxy, load string
	cores                                               int
	took                                                time.Time
	busy                                                strain
}

// strain is how much of the processors others had, since the machine started.
type strain struct {
	waited float64 // seconds in which somebody ready to run had to wait
	stolen float64 // seconds of processor time that the hypervisor gave away
}

func readStrain() strain {
	const some, steal = 4, 8 // "some avg10= avg60= avg300= total=µs", "cpu user nice … steal"
	us := number(strings.TrimPrefix(word("/proc/pressure/cpu", some), "total="))
	jiffies := number(word("/proc/stat", steal))
	return strain{waited: us / 1e6, stolen: jiffies / 100}
}

// word is the n-th of a file, "" if it has none.
func word(file string, n int) string {
	b, _ := os.ReadFile(file) // what can't be read has no words
	if words := strings.Fields(string(b)); n < len(words) {
		return words[n]
	}
	return ""
}

// number is NaN for what is none.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func readMachine(ctx context.Context) machine {
	now := time.Now()
	return machine{
		date: now.UTC().Format("2006-01-02 15:04 UTC"), took: now,
		cpu: cpuModel(), cores: runtime.NumCPU(), kernel: said(ctx, "uname", "-sr"), goVersion: runtime.Version(),
		commit: said(ctx, "git", "describe", "--always", "--dirty=, with changes not committed"),
		load:   loadAverage(), busy: readStrain(), haproxy: haproxyVersion(ctx),
	}
}

// said is the first line that a program prints, or that it is unknown.
func said(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // unknown, if it fails
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if name, model, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown"
}

// loadAverage is of the last 1, 5 and 15 minutes.
func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg") // unknown, if it fails
	if words := strings.Fields(string(b)); len(words) > 2 {
		return strings.Join(words[:3], " ")
	}
	return "unknown"
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %d cores, %s, %s, commit %s, load %s", m.date, m.cpu, m.cores, m.kernel, m.goVersion, m.commit, m.load)
}

func (m machine) table(loadAtEnd string) table {
	t := table{name: "machine", title: "Where and when", head: []string{"", ""}}
	t.add("date", m.date)
	t.add("took", time.Since(m.took).Round(time.Second).String())
	t.add("processor", fmt.Sprintf("%s, %d cores", m.cpu, m.cores))
	t.add("kernel", m.kernel)
	t.add("Go", m.goVersion)
	t.add("HAProxy", m.haproxy)
	t.add("commit", m.commit)
	t.add("load average before", m.load)
	t.add("load average after", loadAtEnd)
	took, now := time.Since(m.took).Seconds(), readStrain()
	t.add("somebody waited for a processor", figure(100*(now.waited-m.busy.waited)/took)+" % of the time")
	t.add("stolen by the hypervisor", figure(100*(now.stolen-m.busy.stolen)/took/float64(m.cores))+" %")
	t.add("command", "`make bench`")
	return t
}
