package monitor

import (
	"container/heap"
	"time"
)

// queue orders the charge points by their next tick. Each is in it once, for ever,
// and there is one at least.
type queue struct {
	items []item
	place []int // charge point → its place in items
}

type item struct {
	cp int
	at time.Time
}

func (q *queue) first() int      { return q.items[0].cp }
func (q *queue) next() time.Time { return q.items[0].at }

// push adds charge point number len(items): they come in order, once.
func (q *queue) push(cp int, at time.Time) {
	q.place = append(q.place, len(q.items))
	heap.Push((*order)(q), item{cp, at})
}

// move gives a charge point its next tick.
func (q *queue) move(cp int, at time.Time) {
	q.items[q.place[cp]].at = at
	heap.Fix((*order)(q), q.place[cp])
}

// order is the queue as container/heap wants it.
type order queue

func (o *order) Len() int           { return len(o.items) }
func (o *order) Less(i, j int) bool { return o.items[i].at.Before(o.items[j].at) }

func (o *order) Swap(i, j int) {
	o.items[i], o.items[j] = o.items[j], o.items[i]
	o.place[o.items[i].cp], o.place[o.items[j].cp] = i, j
}

func (o *order) Push(x any) {
	if i, ok := x.(item); ok {
		o.items = append(o.items, i)
	}
}

func (o *order) Pop() any {
	last := o.items[len(o.items)-1]
	o.items = o.items[:len(o.items)-1]
	return last
}
