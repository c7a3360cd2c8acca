package conngroup

import (
	"testing"
	"time"
)

// Two connections count as two while both send in turns, and no longer.
func TestSources(t *testing.T) {
	type beat struct{ conn, second int }
	for name, tc := range map[string]struct {
		beats   []beat
		dropped []int
		pool    bool // each speaks for another charge point, too
		now     int
		want    int
	}{
		"none":                                {want: 0},
		"one":                                 {beats: []beat{{0, 0}, {0, 5}}, now: 6, want: 1},
		"a reconnection":                      {beats: []beat{{0, 0}, {0, 5}, {1, 6}, {1, 11}}, now: 12, want: 1},
		"in turns":                            {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}}, now: 7, want: 2},
		"in turns, long ago":                  {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}, {1, 21}}, now: 22, want: 1},
		"in turns, and one has ended":         {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}}, dropped: []int{0}, now: 7, want: 1},
		"in turns, three":                     {beats: []beat{{0, 0}, {1, 1}, {2, 2}, {0, 5}}, now: 6, want: 3},
		"a busy pool":                         {beats: []beat{{0, 0}, {1, 5}, {0, 10}, {1, 15}, {0, 20}, {1, 25}, {1, 30}, {0, 35}}, pool: true, now: 36, want: 1},
		"two pools":                           {beats: []beat{{0, 0}, {1, 1}, {0, 5}, {1, 6}, {0, 10}, {1, 11}, {0, 15}, {1, 16}}, pool: true, now: 17, want: 2},
		"in turns, and a third long ago":      {beats: []beat{{2, 0}, {0, 1}, {1, 2}, {0, 16}, {1, 17}}, now: 18, want: 2},
		"a reconnection, long after a second": {beats: []beat{{0, 0}, {1, 1}, {0, 2}, {0, 20}, {2, 21}}, dropped: []int{1}, now: 22, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var groups Groups
			var cp CP
			conns := []*Connection{{}, {}, {}}
			at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
			for _, c := range conns {
				if tc.pool {
					groups.Heard(c, &CP{}, true, noon)
				}
			}
			for _, b := range tc.beats {
				groups.Heard(conns[b.conn], &cp, true, at(b.second))
			}
			for _, n := range tc.dropped {
				groups.Ended(conns[n], func(*CP) time.Duration { return 5 * time.Second }, at(tc.now))
			}
			if got := cp.Sources(at(tc.now), 15*time.Second); got != tc.want {
				t.Errorf("%d sources, want %d", got, tc.want)
			}
		})
	}
}
