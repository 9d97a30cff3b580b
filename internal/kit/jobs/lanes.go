package jobs

// lanes counts the slots that each lane holds, against what one lane may hold.
type lanes struct {
	held map[string]int
	most int
}

// laneRoom is what each lane holds at present, for a claim to add to.
func (w *worker) laneRoom() lanes {
	w.mu.Lock()
	defer w.mu.Unlock()
	room := lanes{held: make(map[string]int, len(w.lanes)), most: w.laneCap()}
	for lane, n := range w.lanes {
		room.held[lane] = n
	}
	return room
}

// laneCap is how many slots one lane may hold: a host that hangs must not take them all (requirement A5).
func (w *worker) laneCap() int { return max(2, w.Slots/20) }

// take gives a slot to a lane, unless it has all that it may have. Jobs without a lane are not limited.
func (l lanes) take(lane string) bool {
	if lane == "" {
		return true
	}
	if l.held[lane] >= l.most {
		return false
	}
	l.held[lane]++
	return true
}

// full lists the lanes that may have no more.
func (l lanes) full() []string {
	full := []string{}
	for lane, n := range l.held {
		if n >= l.most {
			full = append(full, lane)
		}
	}
	return full
}
