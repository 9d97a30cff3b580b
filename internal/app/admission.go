package app

import (
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/admit"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/machine"
	"github.com/gomph/gomph/internal/kit/metric"
)

const (
	// minSeats is how many requests are worked on at once on any machine (requirement G1: 120 was the best that could be tuned elsewhere).
	minSeats = 200
	// seatsPerCore lets larger machines do more; most of a request is waiting for the database.
	seatsPerCore = 50
)

// gate bounds how many requests are worked on at once.
func (a *App) gate() *admit.Gate {
	seats := a.Config.MaxRequests
	if seats == 0 {
		seats = max(minSeats, seatsPerCore*runtime.GOMAXPROCS(0))
	}
	return admit.New(admit.Options{Seats: seats, Foreign: toInbox, Exempt: lasting(fileFolder(a.Config)), Refuse: tooBusy, Metrics: a.Metrics})
}

func toInbox(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/inbox")
}

// lasting tells what takes no seat: streams, which last; files, whose time is the asker's line, or that of another server (A5); and the questions of
// a balancer.
func lasting(folder string) func(*http.Request) bool {
	all := []string{"/api/v1/streaming", "/health", strings.TrimRight(folder, "/") + "/", media.ProxyPath, "/assets/"}
	return func(r *http.Request) bool {
		return slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) })
	}
}

func tooBusy(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, "This server has too much to do at the moment. Please try again in a few seconds.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*") // an app of another origin reads why
	_ = httpio.JSON(w, http.StatusServiceUnavailable, httpio.ErrorBody{Error: "The server is too busy, try again in a few seconds"})
}

// watchMachine tells of what the process holds of the machine.
func watchMachine(m *metric.Registry) {
	limit := machine.LimitMemory()
	m.GaugeFunc("memory_limit_bytes", "The memory that this process aims to stay below, 0 for no limit.", func() float64 { return float64(limit) })
	m.GaugeFunc("system_files_open", "Open files of the whole machine.", func() float64 { return float64(machine.OpenFiles().SystemOpen) })
	m.GaugeFunc("system_files_limit", "The most open files of the whole machine, 0 for no limit.", func() float64 { return float64(machine.OpenFiles().SystemLimit) })
}
