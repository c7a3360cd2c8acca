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

	"evcp/internal/process"
)

// machine is where and when was measured, as far as it helps to judge the figures.
type machine struct {
	date, cpu, kernel, goVersion, commit, haproxy, load string
	cores                                               int
	began                                               time.Time
	contention                                          cpuContention
}

// cpuContention is how much the machine lacked processors since its start; NaN
// where the kernel does not count it.
type cpuContention struct {
	waited float64 // seconds in which at least one runnable task waited for a processor
	stolen float64 // seconds of processor time that the hypervisor gave to others
}

func readContention() cpuContention {
	const someTotal, steal = 4, 8 // "some avg10= avg60= avg300= total=µs", "cpu user nice … steal"
	us := number(strings.TrimPrefix(fieldOf("/proc/pressure/cpu", someTotal), "total="))
	jiffies := number(fieldOf("/proc/stat", steal))
	return cpuContention{waited: us / 1e6, stolen: jiffies / 100}
}

// fieldOf is the n-th field of a file, from 0; "" if there is none.
func fieldOf(file string, n int) string {
	b, _ := os.ReadFile(file) // an unreadable file has no fields
	if fields := strings.Fields(string(b)); n < len(fields) {
		return fields[n]
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
		date: now.UTC().Format("2006-01-02 15:04 UTC"), began: now,
		cpu: cpuModel(), cores: runtime.NumCPU(), kernel: firstLine(ctx, "uname", "-sr"), goVersion: runtime.Version(),
		commit: firstLine(ctx, "git", "describe", "--always", "--dirty=, with changes not committed"),
		load:   loadAverage(), contention: readContention(), haproxy: haproxyVersion(ctx),
	}
}

// firstLine is the first line that a program prints, or "unknown".
func firstLine(ctx context.Context, program string, args ...string) string {
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
	if fields := strings.Fields(string(b)); len(fields) > 2 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

func (m machine) table(loadAtEnd string) resultTable {
	t := resultTable{name: "machine", title: "Where and when", head: []string{"", ""}}
	t.add("date", m.date)
	t.add("took", time.Since(m.began).Round(time.Second).String())
	t.add("processor", fmt.Sprintf("%s, %d cores", m.cpu, m.cores))
	t.add("kernel", m.kernel)
	t.add("Go", m.goVersion)
	t.add("HAProxy", m.haproxy)
	t.add("commit", m.commit)
	t.add("load average before", m.load)
	t.add("load average after", loadAtEnd)
	took, now := time.Since(m.began).Seconds(), readContention()
	t.add("a task waited for a processor", figure(100*(now.waited-m.contention.waited)/took)+" % of the time")
	t.add("stolen by the hypervisor", figure(100*(now.stolen-m.contention.stolen)/took/float64(m.cores))+" %")
	t.add("command", "`make bench`")
	return t
}

// memoryUse is what a process holds, in bytes. A page of the binary that two
// processes have touched counts whole in the resident memory of each, half in the
// proportional memory of each, and in no private memory.
type memoryUse struct {
	resident     int64
	proportional int64
	private      int64
	anonymous    int64 // heap, stacks, what the Go runtime keeps
}

func readMemory(c *process.Child) (memoryUse, error) {
	kib, err := readProc(c, "smaps_rollup")
	if err != nil {
		return memoryUse{}, err
	}
	return memoryUse{
		resident: kib["Rss"] * 1024, proportional: kib["Pss"] * 1024,
		private:   (kib["Private_Clean"] + kib["Private_Dirty"]) * 1024,
		anonymous: kib["Anonymous"] * 1024,
	}, nil
}

// peakResident is the most that was ever resident, in bytes.
func peakResident(c *process.Child) (int64, error) {
	kib, err := readProc(c, "status")
	return kib["VmHWM"] * 1024, err
}

// bytesWritten is what the process has caused to be written to disk, in whole pages
// of the page cache.
func bytesWritten(c *process.Child) (int64, error) {
	f, err := readProc(c, "io")
	return f["write_bytes"], err
}

// readProc reads the lines "Name: number …" of a file under /proc/PID.
func readProc(c *process.Child, file string) (map[string]int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.PID(), file))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", c.Name, err)
	}
	all := map[string]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if fields := strings.Fields(rest); len(fields) > 0 {
			if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				all[name] = n
			}
		}
	}
	return all, nil
}
