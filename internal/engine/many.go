package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"evcp/internal/language"
)

// CPs is how many charge points the Engine has; 0 is one with any id.
func (e *Engine) CPs() int { return len(e.index) }

// BehaviourCount is how many charge points have a behaviour.
type BehaviourCount struct {
	Behaviour Behaviour
	CPs       int
}

// Shares are the behaviours in force, the most frequent first.
func (e *Engine) Shares() []BehaviourCount {
	by := map[string]BehaviourCount{}
	e.mu.Lock()
	for _, at := range e.cps {
		by[at.name] = BehaviourCount{*at.Behaviour, by[at.name].CPs + 1}
	}
	e.mu.Unlock()
	return slices.SortedFunc(maps.Values(by), func(a, b BehaviourCount) int {
		return cmp.Or(cmp.Compare(b.CPs, a.CPs), cmp.Compare(a.Behaviour.name, b.Behaviour.name))
	})
}

// Assign puts a behaviour in force for some charge points, as SetBehaviour does for all. It fails if
// there are none, and for "refuse" of a part: the port is one.
func (e *Engine) Assign(a Assignment) error {
	if a.Of == (Selection{}) {
		e.SetBehaviour(a.Behaviour)
		return nil
	}
	if err := e.Assignable(a); err != nil {
		return err
	}
	_, n := e.change(a.Of, a.Behaviour)
	said := e.options.Language
	e.log.Info(said.Sprintf("behaviour %s of %s (%d): %s", a.Behaviour.name, a.Of, n, said.Text(a.Behaviour.about)), "behaviour", a.Behaviour.name, "of", a.Of.String(), "charge_points", n)
	return nil
}

// Assignable is the error that Assign would return.
func (e *Engine) Assignable(a Assignment) error {
	switch {
	case a.Of == (Selection{}):
		return nil
	case e.index == nil:
		return language.Errorf("%s: this Engine is one charge point; ev-cp-e --cps plays many", a.Of)
	case a.Behaviour.refuses:
		return language.Errorf("%s: all charge points have one port, so refuse is for all or none; reset and close are for some", a.Of)
	}
	e.mu.Lock()
	closed := e.refuses
	e.mu.Unlock()
	if closed {
		return language.Errorf("%s: the port is closed; first choose a behaviour for all", a.Of)
	}
	for cp := range e.index {
		if a.Of.Has(cp) {
			return nil
		}
	}
	return language.Errorf("%s: no charge point is meant by this", a.Of)
}

// change logs nothing, since it holds the lock: writing a log may block. It returns the first
// behaviour that it replaced, and how many.
func (e *Engine) change(of Selection, b Behaviour) (before Behaviour, n int) {
	var chosen []int32 // before the lock is taken: many ids take milliseconds
	for cp, i := range e.index {
		if of.Has(cp) {
			chosen = append(chosen, i)
		}
	}
	if e.index == nil {
		chosen = []int32{0}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	before = *e.cps[chosen[0]].Behaviour
	for _, i := range chosen {
		e.cps[i] = cpBehaviour{Behaviour: &b, generation: e.cps[i].generation + 1}
	}
	if of == (Selection{}) {
		e.refuses = b.refuses
		e.listener.set(!b.refuses)
	}
	e.monitors.restart(time.Now())
	return before, len(chosen)
}
