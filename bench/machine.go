package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/process"
)

// machine is what has to be read before anything is measured, so that it can be told
// where, when and how undisturbed that was.
type machine struct {
	began        time.Time
	commit, load string
	contention   cpuContention
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
	return machine{
		began:  time.Now(),
		commit: firstLine(ctx, "git", "describe", "--always", "--dirty=, with changes not committed"),
		load:   loadAverage(), contention: readContention(),
	}
}

func (m machine) date() string { return m.began.UTC().Format("2006-01-02 15:04 UTC") }

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
	for line := range strings.Lines(string(b)) {
		if name, model, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown"
}

// loadAverage is of the last 1, 5 and 15 minutes.
func loadAverage() string {
	const file = "/proc/loadavg"
	return fieldOf(file, 0) + " " + fieldOf(file, 1) + " " + fieldOf(file, 2)
}

// table reads the machine again, at the end.
func (m machine) table(ctx context.Context) resultTable {
	cores, took, now := runtime.NumCPU(), time.Since(m.began), readContention()
	t := resultTable{name: "machine", title: "Where and when", head: []string{"", ""}}
	t.add("date", m.date())
	t.add("took", took.Round(time.Second).String())
	t.add("processor", fmt.Sprintf("%s, %d cores", cpuModel(), cores))
	t.add("kernel", firstLine(ctx, "uname", "-sr"))
	t.add("Go", runtime.Version())
	t.add("HAProxy", haproxyVersion(ctx))
	t.add("commit", m.commit)
	t.add("load average before", m.load)
	t.add("load average after", loadAverage())
	t.add("a task waited for a processor", figure(100*(now.waited-m.contention.waited)/took.Seconds())+" % of the time")
	t.add("stolen by the hypervisor", figure(100*(now.stolen-m.contention.stolen)/took.Seconds()/float64(cores))+" %")
	t.add("command", "`make bench`")
	return t
}

// memoryUse is what a process holds, in MB of 10^6 bytes. A page of the binary that two
// processes have touched counts whole in the resident memory of each, half in the
// proportional memory of each, and in no private memory.
type memoryUse struct {
	resident     float64
	proportional float64
	private      float64
	anonymous    float64 // heap, stacks, what the Go runtime keeps
}

const megabytesPerKiB = 1024 / 1e6

func readMemory(c *process.Child) (memoryUse, error) {
	kib, err := readProc(c, "smaps_rollup")
	return memoryUse{
		resident:     float64(kib["Rss"]) * megabytesPerKiB,
		proportional: float64(kib["Pss"]) * megabytesPerKiB,
		private:      float64(kib["Private_Clean"]+kib["Private_Dirty"]) * megabytesPerKiB,
		anonymous:    float64(kib["Anonymous"]) * megabytesPerKiB,
	}, err
}

// peakResident is the most that was ever resident, in MB.
func peakResident(c *process.Child) (float64, error) {
	kib, err := readProc(c, "status")
	return float64(kib["VmHWM"]) * megabytesPerKiB, err
}

// peakOf is peakResident of a process that has ended.
func peakOf(s *os.ProcessState) float64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return math.NaN()
	}
	return float64(usage.Maxrss) * megabytesPerKiB
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
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		var n int64
		if _, err := fmt.Sscan(value, &n); err == nil {
			all[name] = n
		}
	}
	return all, nil
}

// processorTime is what all threads of the process have used, ended ones too, by
// the kernel's clock of that process, in nanoseconds. /proc/PID/stat counts in
// hundredths of a second, which is longer than twenty checks take.
func processorTime(c *process.Child) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of include/linux/posix-timers.h
	clock := int32(^c.PID())<<3 | sched
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", c.Name, err)
	}
	return time.Duration(t.Nano()), nil
}
