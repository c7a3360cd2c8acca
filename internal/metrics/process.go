package metrics

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// started is when the process began, nearly.
var started = time.Now()

// clockTicks is the unit of times in /proc/self/stat: 100 a second on every Linux that Go
// runs on.
const clockTicks = 100

// Process writes what Prometheus's own libraries write of a process, under the same names.
// It is read from /proc; where there is none, only the start is written.
func (m *Writer) Process() {
	m.Gauge("process_start_time_seconds", "When the process was started.").Time(started)
	if f := statFields(); f != nil {
		m.Counter("process_cpu_seconds_total", "Processor time of the process.").Value((f[utime] + f[stime]) / clockTicks)
		m.Gauge("process_virtual_memory_bytes", "Virtual memory.").Value(f[vsize])
		m.Gauge("process_resident_memory_bytes", "Resident memory.").Value(f[rss] * float64(os.Getpagesize()))
	}
	if open, err := openDescriptors(); err == nil {
		m.Gauge("process_open_fds", "Open file descriptors.").Value(float64(open))
	}
	if most, ok := maxDescriptors(); ok {
		m.Gauge("process_max_fds", "The most file descriptors that may be open.").Value(most)
	}
}

// The fields of /proc/self/stat after the name of the program, from 0: proc(5).
const (
	utime     = 11
	stime     = 12
	vsize     = 20
	rss       = 21
	statCount = 22
)

// statFields are the numbers after the name of the program; nil if they can't be read.
func statFields() []float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil
	}
	words := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // the name may hold blanks
	if len(words) < statCount {
		return nil
	}
	fields := make([]float64, statCount)
	for i := range fields {
		fields[i], _ = strconv.ParseFloat(string(words[i]), 64) // the first is a letter
	}
	return fields
}

// openDescriptors counts them, without the one that reads the folder.
func openDescriptors() (int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	return len(names) - 1, err
}

// maxDescriptors is the soft limit.
func maxDescriptors() (most float64, ok bool) {
	text, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "Max open files"); found {
			soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			most, err = strconv.ParseFloat(soft, 64)
			return most, err == nil
		}
	}
	return 0, false
}
