package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// plotLine is one line of a plot.
type plotLine struct {
	name, colour string
	x, y         []float64
}

// The area of a plot in pixels, and its margins.
const (
	plotWidth, plotHeight                    = 720, 400
	plotLeft, plotRight, plotTop, plotBottom = 64, 170, 40, 48
	plotInnerWidth, plotInnerHeight          = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

// plotFleet draws the cost of a check and the memory over the number of charge points, at a
// check a second.
func plotFleet(dir string, all []fleetResult) error {
	lines := func(value func(*fleetChecker) float64) []plotLine {
		rows := []plotLine{{name: "HAProxy", colour: "#b45309"}, {name: "ev-cp-m, everything on", colour: "#1d4ed8"}, {name: "plain C, epoll", colour: "#6b7280"}, {name: "plain C, 10 ms ticks", colour: "#9ca3af"}}
		for _, r := range all {
			if r.size.interval.Seconds() != 1 || r.size.cps < 100 {
				continue
			}
			for i, c := range []*fleetChecker{r.haproxy, r.monitor, r.limit, r.floor} {
				if c != nil {
					rows[i].x, rows[i].y = append(rows[i].x, float64(r.size.cps)), append(rows[i].y, value(c))
				}
			}
		}
		return rows
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cost := drawPlot("Processor time per check, µs", lines(func(c *fleetChecker) float64 { return c.cost.median() }))
	if err := os.WriteFile(filepath.Join(dir, "bench-cpu.svg"), []byte(cost), 0o644); err != nil {
		return err
	}
	memory := drawPlot("Resident memory, MB", lines(func(c *fleetChecker) float64 { return c.resident.median() }))
	return os.WriteFile(filepath.Join(dir, "bench-memory.svg"), []byte(memory), 0o644)
}

// drawPlot is an SVG with both axes logarithmic: x is the number of charge points.
func drawPlot(title string, lines []plotLine) string {
	minX, maxX, minY, maxY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for i := range l.x {
			minX, maxX = min(minX, l.x[i]), max(maxX, l.x[i])
			minY, maxY = min(minY, l.y[i]), max(maxY, l.y[i])
		}
	}
	x := logScale(minX, maxX, plotLeft, plotLeft+plotInnerWidth)
	low, high := math.Pow(10, math.Floor(math.Log10(minY))), math.Pow(10, math.Ceil(math.Log10(maxY)))
	y := logScale(low, high, plotTop+plotInnerHeight, plotTop)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img" aria-label="%s">`+"\n", plotWidth, plotHeight, title)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="15" fill="#111">%s</text>`+"\n", plotWidth, plotHeight, plotLeft, title)
	for v := low; v <= high*1.001; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#444">%g</text>`+"\n", plotLeft, y(v), plotInnerWidth, plotLeft-8, y(v)+4, v)
	}
	if len(lines) > 0 {
		for _, v := range lines[1].x {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#444">%.0f</text>`+"\n", x(v), plotTop+plotInnerHeight+20, v)
		}
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="#444">charge points</text>`+"\n", plotLeft+plotInnerWidth/2, plotHeight-8)
	for _, l := range lines {
		drawLine(&b, l, x, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func drawLine(b *strings.Builder, l plotLine, x, y func(float64) float64) {
	if len(l.x) == 0 {
		return
	}
	var points []string
	for i := range l.x {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(l.x[i]), y(l.y[i])))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(l.x[i]), y(l.y[i]), l.colour)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), l.colour)
	last := len(l.x) - 1
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", x(l.x[last])+8, y(l.y[last])+4, l.colour, l.name)
}

// logScale maps from [low, high] to pixels.
func logScale(low, high float64, from, to int) func(float64) float64 {
	wide := math.Log(high / low)
	if wide == 0 {
		wide = 1
	}
	return func(v float64) float64 { return float64(from) + float64(to-from)*math.Log(v/low)/wide }
}
