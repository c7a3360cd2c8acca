package dashboard

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// traceEvent is an event of Chromium's trace. Times are in microseconds.
type traceEvent struct {
	Name   string  `json:"name"`
	PID    int     `json:"pid"`
	TID    int     `json:"tid"`
	At     float64 `json:"ts"`
	Length float64 `json:"dur"`
	CPU    float64 `json:"tdur"` // of its thread: what is missing to Length the thread waited
	Args   struct {
		Name string `json:"name"`
		Data struct {
			Function string `json:"functionName"`
			URL      string `json:"url"`
		} `json:"data"`
	} `json:"args"`
}

// pageTrace records what the page's main thread does.
type pageTrace struct {
	b    *browser
	mu   sync.Mutex
	raw  []json.RawMessage
	done chan struct{}
	end  func()
}

func (b *browser) trace() *pageTrace {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	p := &pageTrace{b: b, done: make(chan struct{}), end: cancel}
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, v := range e.Value {
				p.raw = append(p.raw, json.RawMessage(v))
			}
		case *tracing.EventTracingComplete:
			close(p.done)
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, tracing.Start, tracing.StartParams{TransferMode: tracing.StartTransferModeReportEvents, TraceConfig: &tracing.TraceConfig{
		IncludedCategories: []string{"devtools.timeline", "disabled-by-default-devtools.timeline"}, ExcludedCategories: []string{"*"}, TraceBufferSizeInKb: 600_000,
	}}); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// stop ends the recording. It returns the events of the page's main thread, in order.
func (p *pageTrace) stop() []traceEvent {
	p.b.t.Helper()
	if _, err := chromedp.Call(p.b.ctx, tracing.End, struct{}{}); err != nil {
		p.b.t.Fatal(err)
	}
	<-p.done
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	type thread struct{ pid, tid int }
	all, main := map[thread][]traceEvent{}, map[thread]bool{}
	for _, raw := range p.raw {
		var e traceEvent
		if json.Unmarshal(raw, &e) != nil {
			continue // its data are of another shape
		}
		at := thread{e.PID, e.TID}
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[at] = true
		} else if e.Length > 0 {
			all[at] = append(all[at], e)
		}
	}
	var events []traceEvent
	for at := range main { // Chromium keeps a process for the next page, too
		if len(all[at]) > len(events) {
			events = all[at]
		}
	}
	slices.SortStableFunc(events, func(a, b traceEvent) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Length, a.Length)) })
	return events
}

// longTask is one of over 50 ms, by the wall clock or of CPU time.
const longTask = 50 * time.Millisecond

// tasks says how many long tasks there are among the events, and of the longest what it did.
func tasks(events []traceEvent) string {
	const ms = 1000
	var worst traceEvent
	long, busy, all := 0, 0, 0
	var cpu, mostCPU float64
	for _, e := range events {
		if e.Name != "RunTask" {
			continue
		}
		all++
		cpu += e.CPU
		mostCPU = max(mostCPU, e.CPU)
		if e.CPU > float64(longTask.Microseconds()) {
			busy++
		}
		if e.Length > float64(longTask.Microseconds()) {
			long++
		}
		if e.Length > worst.Length {
			worst = e
		}
	}
	text := fmt.Sprintf("%d tasks, %.1f s of CPU; %d over 50 ms by the clock, the longest %.0f ms with %.0f ms of CPU; %d over 50 ms of CPU, the most %.0f ms",
		all, cpu/ms/ms, long, worst.Length/ms, worst.CPU/ms, busy, mostCPU/ms)
	for _, e := range events {
		if e.Name != "RunTask" && e.At >= worst.At && e.At < worst.At+worst.Length && e.Length > worst.Length/5 {
			text += fmt.Sprintf("\n\t%s %s %s: %.0f ms with %.0f ms of CPU", e.Name, e.Args.Data.Function, e.Args.Data.URL[strings.LastIndex(e.Args.Data.URL, "/")+1:], e.Length/ms, e.CPU/ms)
		}
	}
	return text
}

// processMemory is the memory that only the page's process has, in MB; 0: not known.
func (b *browser) processMemory() float64 {
	b.t.Helper()
	info, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, struct{}{})
	if err != nil {
		b.t.Fatal(err)
	}
	most := 0.0
	for _, p := range info.ProcessInfo {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.ID))
		if p.Type != "renderer" || err != nil {
			continue
		}
		private := 0.0
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if f := strings.Fields(lines.Text()); len(f) > 1 && strings.HasPrefix(f[0], "Private_") && f[0] != "Private_Hugetlb:" {
				kB, _ := strconv.ParseFloat(f[1], 64)
				private += kB / 1e3 * 1.024
			}
		}
		most = max(most, private)
	}
	return most
}
