package demo

import (
	"context"
	"fmt"
	"time"

	"evcp/internal/wait"
)

// Scene is one thing that happens: what a person is told of it beforehand, and
// what is done. A Scene without words belongs to one before it.
type Scene struct {
	At     time.Duration // since the story began
	What   string
	Effect string
	act    func(*stage)
}

// Story is a number of scenes, in the order of time, played again every Round.
type Story struct {
	Round  time.Duration
	Scenes []Scene
}

// usual is the story of the demo.
var usual = Story{
	Round: 90 * time.Second,
	Scenes: []Scene{
		{10 * time.Second, "CP_002 answers KO", "red after 3 failed checks", fails(2)},
		{20 * time.Second, "CP_003 stops answering", "red after 3 timeouts, at most 3.9 s", falls(3)},
		{30 * time.Second, "CP_004 loses its Monitor", "grey a second later", loses(4)},
		{40 * time.Second, "CP_005 fails two checks", "stays green: two are not three", failsTwice(5)},
		{50 * time.Second, "the broker freezes for 15 s", "nothing is late, nothing is lost", (*stage).freeze},
		{65 * time.Second, "", "", (*stage).thaw},
		{75 * time.Second, "all is well again", "", (*stage).mend},
	},
}

func fails(n int) func(*stage)      { return func(s *stage) { s.cp(n).behave(ko) } }
func falls(n int) func(*stage)      { return func(s *stage) { s.cp(n).behave(mute) } }
func loses(n int) func(*stage)      { return func(s *stage) { s.lose(s.cp(n)) } }
func failsTwice(n int) func(*stage) { return func(s *stage) { s.cp(n).failTimes(2) } }

// play plays the story until ctx ends. Every scene has its time from the start of
// play: no delay adds up.
func (s *stage) play(ctx context.Context, story Story) {
	for round := time.Now(); ; round = round.Add(story.Round) {
		for _, scene := range story.Scenes {
			if !wait.For(ctx, time.Until(round.Add(scene.At))) {
				return
			}
			scene.act(s)
		}
		if !wait.For(ctx, time.Until(round.Add(story.Round))) {
			return
		}
	}
}

// lines are the story for the banner.
func (s Story) lines() []string {
	all := []string{fmt.Sprintf(english.everyRound, s.Round.Seconds())}
	for _, scene := range s.Scenes {
		if scene.What != "" {
			at := fmt.Sprintf("%d:%02d", int(scene.At.Minutes()), int(scene.At.Seconds())%60)
			all = append(all, trimmed("  %s  %-27s  %s", at, scene.What, scene.Effect))
		}
	}
	return all
}
