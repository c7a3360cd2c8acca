package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/engine"
	"evcp/internal/version"
)

// stage is what a person sees of the Engine and does with it.
type stage struct {
	*engine.Engine
	console *console.Console
	log     *slog.Logger
	quit    func()
	begun   time.Time
	orders  chan order

	script  sync.WaitGroup     // the script's goroutine
	silence context.CancelFunc // ends the script
}

// open tells a person, or the log, what has begun.
func (s *stage) open(address string, o options, hasKeys bool) {
	s.begun = time.Now()
	if !s.console.Terminal() {
		s.log.Info("listening", "address", address, "behaviour", o.behaviour.String(), "script", o.written, "version", version.String())
		return
	}
	lines := []string{fmt.Sprintf("%s %s plays an Engine on %s. Ctrl-C stops it.", name, version.String(), o.listen), ""}
	if o.written != "" {
		lines = append(lines, "  Script  "+o.written, "")
	}
	if hasKeys {
		lines = append(append(lines, legend()...), "")
	}
	s.console.Print(lines...)
}

// run plays the script and obeys keys until ctx is done. A key ends the script.
func (s *stage) run(ctx context.Context, script []engine.Step, keys <-chan rune) {
	playing, silence := context.WithCancel(ctx)
	s.silence = silence
	s.script.Go(func() { s.Play(playing, script) })
	defer s.endScript()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.console.Live(s.live(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case o := <-s.orders:
			s.behave(o.behaviour)
			close(o.done)
		case key, ok := <-keys:
			if !ok {
				keys = nil // the terminal is gone; the Engine goes on
			}
			s.press(key)
		}
	}
}

func (s *stage) endScript() {
	s.silence()
	s.script.Wait()
}

func (s *stage) press(key rune) {
	switch key {
	case keyHelp:
		s.console.Print(legend()...)
	case keyQuit:
		s.quit()
	}
	for _, k := range keys {
		if k.key == key {
			b, _ := engine.ParseBehaviour(k.behaviour) // a test reads them all
			s.behave(b)
		}
	}
}

// behave ends the script, so that it takes nothing back.
func (s *stage) behave(b engine.Behaviour) {
	s.endScript()
	s.SetBehaviour(b)
}

// live is the last line of the terminal.
func (s *stage) live(now time.Time) string {
	line := standing(s.Behaviour().String()) + " | " + questions(s.total().Asked)
	last := s.LastContact()
	if last.At.IsZero() {
		return line + ", no Monitor yet"
	}
	return line + fmt.Sprintf(", last %s ago from %s", ago(now.Sub(last.At)), last.CP)
}

// standing puts the shape before a behaviour.
func standing(behaviour string) string {
	switch behaviour {
	case "ok":
		return display.Up.Mark() + " OK"
	case "ko":
		return display.Failed.Mark() + " KO"
	case "refuse":
		return display.Gone.Mark() + " refuse"
	}
	return display.Note.Mark() + " " + behaviour
}

func ago(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	}
	return display.Duration(d.Round(time.Second))
}

func (s *stage) total() engine.Count {
	var all engine.Count
	for _, n := range s.Counts() {
		all.Asked += n.Asked
		all.Answered += n.Answered
	}
	return all
}

func questions(n int) string {
	if n == 1 {
		return "1 question"
	}
	return fmt.Sprintf("%d questions", n)
}

// close says what has been.
func (s *stage) close() {
	s.console.Live("")
	n := s.total()
	after := time.Since(s.begun)
	s.log.Info(fmt.Sprintf("stopped after %s: %s, %d answered", display.Duration(after), questions(n.Asked), n.Answered),
		"asked", n.Asked, "answered", n.Answered)
}
