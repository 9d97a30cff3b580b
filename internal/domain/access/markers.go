package access

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Marker is how far a person has read a timeline.
type Marker struct {
	Timeline   string
	LastReadID int64
	// Version counts the changes.
	Version   int64
	UpdatedAt time.Time
}

// Timelines that have markers.
var markedTimelines = map[string]bool{"home": true, "notifications": true}

func scanMarker(r db.Row) (Marker, error) {
	var m Marker
	var at int64
	err := r.Scan(&m.Timeline, &m.LastReadID, &m.Version, &at)
	m.UpdatedAt = db.At(at)
	return m, err
}

// Markers gives a person's markers of the timelines named; those never set are absent.
func (s *Service) Markers(ctx context.Context, q db.Q, id UserID, timelines []string) ([]Marker, error) {
	out, err := db.All(ctx, q, scanMarker, "SELECT timeline, last_read_id, version, updated_at FROM markers WHERE user_id = $1 AND timeline = ANY($2) ORDER BY timeline",
		id, db.Texts(timelines))
	if err != nil {
		return nil, fmt.Errorf("reading markers: %w", err)
	}
	return out, nil
}

// SetMarkers moves markers, by timeline, and gives those that were set. Each change has a version of its own: of two at once
// the later one holds.
func (s *Service) SetMarkers(ctx context.Context, id UserID, read map[string]int64) ([]Marker, error) {
	names := make([]string, 0, len(read))
	for name, last := range read {
		if !markedTimelines[name] || last < 0 {
			return nil, errs.Invalid("Validation failed: Timeline is not included in the list")
		}
		names = append(names, name)
	}
	var out []Marker
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, name := range []string{"home", "notifications"} { // one order, so that two requests do not wait for each other
			last, ok := read[name]
			if !ok {
				continue
			}
			if _, err := tx.Exec(ctx, `INSERT INTO markers (user_id, timeline, last_read_id, version, updated_at) VALUES ($1, $2, $3, 0, $4)
ON CONFLICT (user_id, timeline) DO UPDATE SET last_read_id = excluded.last_read_id, version = markers.version + 1, updated_at = excluded.updated_at`,
				id, name, last, db.Ms(s.Clock.Now())); err != nil {
				return err
			}
		}
		var err error
		out, err = s.Markers(ctx, tx, id, names)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("setting markers: %w", err)
	}
	return out, nil
}
