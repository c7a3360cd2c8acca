package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is what a process holds, in bytes. Pages of the binary that two
// processes have touched are whole in each one's resident, halved in each one's
// proportional, and in neither one's private: see what a second Monitor adds.
type memory struct {
	resident     int64
	proportional int64
	private      int64
	anonymous    int64 // heap, stacks, what the Go runtime keeps
}

func (p *process) memory() (memory, error) {
	f, err := p.fields("smaps_rollup")
	if err != nil {
		return memory{}, err
	}
	const kib = 1024
	return memory{
		resident: f["Rss"] * kib, proportional: f["Pss"] * kib,
		private:   (f["Private_Clean"] + f["Private_Dirty"]) * kib,
		anonymous: f["Anonymous"] * kib,
	}, nil
}

// peak is the most that was ever resident, in bytes.
func (p *process) peak() (int64, error) {
	f, err := p.fields("status")
	return f["VmHWM"] * 1024, err
}

// written is what the process has caused to be written to its disk, in bytes,
// whole pages of the page cache.
func (p *process) written() (int64, error) {
	f, err := p.fields("io")
	return f["write_bytes"], err
}

// fields reads lines of "Name: number …" under /proc/PID.
func (p *process) fields(file string) (map[string]int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", p.name, err)
	}
	all := map[string]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				all[name] = n
			}
		}
	}
	return all, nil
}
