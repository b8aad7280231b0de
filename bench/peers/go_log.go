// The Go peer's log: every message is committed to SQLite before its room gets it. One goroutine
// writes. It takes all messages that wait, stores them in one transaction, and only then gives
// them to their rooms, with their numbers; meanwhile the next ones gather.
package main

import (
	"context"
	"database/sql"
	"log"
	"os"
	"runtime"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

const (
	commitLimit = 1000 // messages in one transaction
	waitLimit   = 10000
	pageBytes   = "512"

	// The settings and the tables of Tchat.
	schema = `
		PRAGMA page_size = ` + pageBytes + `;
		PRAGMA auto_vacuum = INCREMENTAL;
		PRAGMA journal_mode = WAL;
		PRAGMA synchronous = FULL;
		PRAGMA wal_autocheckpoint = 8000;
		CREATE TABLE IF NOT EXISTS rooms (
			id INTEGER PRIMARY KEY,
			name TEXT NOT NULL UNIQUE,
			floor INTEGER NOT NULL DEFAULT 0,
			floor_at INTEGER
		);
		CREATE TABLE IF NOT EXISTS entries (
			entry INTEGER PRIMARY KEY,
			room INTEGER NOT NULL,
			seq INTEGER NOT NULL,
			at INTEGER NOT NULL,
			kind INTEGER NOT NULL DEFAULT 0,
			id TEXT NOT NULL,
			member TEXT NOT NULL,
			nick TEXT NOT NULL,
			text TEXT NOT NULL,
			reply INTEGER,
			target INTEGER,
			edited INTEGER,
			removed INTEGER
		);
		CREATE UNIQUE INDEX IF NOT EXISTS entries_by_seq ON entries (room, seq);
		CREATE UNIQUE INDEX IF NOT EXISTS entries_by_id ON entries (id, member, room);`
)

type draft struct {
	room    *room
	message message
}

// A room's row, and the number of its last message.
type record struct {
	id  int64
	seq int
}

type writer struct {
	begin, commit, addRoom, addEntry *sql.Stmt
	records                          map[*room]*record
}

func must(err error) {
	if err != nil {
		log.Fatal(err) // nobody sees a message that could not be stored
	}
}

func init() {
	database, err := sql.Open("sqlite3", os.Args[3])
	must(err)
	connection, err := database.Conn(context.Background())
	must(err)
	_, err = connection.ExecContext(context.Background(), schema)
	must(err)
	prepare := func(query string) *sql.Stmt {
		statement, err := connection.PrepareContext(context.Background(), query)
		must(err)
		return statement
	}
	w := writer{
		begin:   prepare("BEGIN IMMEDIATE"),
		commit:  prepare("COMMIT"),
		addRoom: prepare("INSERT INTO rooms (name) VALUES (?)"),
		addEntry: prepare(`INSERT INTO entries (room, seq, at, id, member, nick, text)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, member, room) DO NOTHING`),
		records: map[*room]*record{},
	}
	kept, err := prepare(`SELECT rooms.id, rooms.name, max(seq)
		FROM rooms JOIN entries ON room = rooms.id GROUP BY room`).Query()
	must(err)
	for kept.Next() {
		var name string
		var r record
		must(kept.Scan(&r.id, &name, &r.seq))
		w.records[openRoom(name, r.seq)] = &r
	}
	must(kept.Err())
	drafts := make(chan draft, waitLimit)
	submit = func(r *room, m message) { drafts <- draft{r, m} }
	go w.run(drafts)
}

func (w *writer) run(drafts chan draft) {
	for first := range drafts {
		// The first post wakes this goroutine before other readers run. Let them run: on one core,
		// every post would else have a transaction of its own.
		runtime.Gosched()
		batch := []draft{first}
		for len(batch) < commitLimit && len(drafts) > 0 {
			batch = append(batch, <-drafts)
		}
		for _, d := range w.store(batch) {
			d.room.messages <- d.message
		}
	}
}

// Commit a batch, and give what is new in it: a message that was stored before is left out.
func (w *writer) store(batch []draft) []draft {
	now := time.Now()
	at := stamp(now)
	stored := batch[:0]
	_, err := w.begin.Exec()
	must(err)
	for _, d := range batch {
		r := w.record(d.room)
		m := d.message
		done, err := w.addEntry.Exec(
			r.id, r.seq+1, now.UnixMilli(), m.ID, m.Member.ID, m.Member.Nick, m.Text)
		must(err)
		if added, _ := done.RowsAffected(); added == 1 {
			r.seq++
			d.message.Seq, d.message.At = r.seq, at
			stored = append(stored, d)
		}
	}
	_, err = w.commit.Exec()
	must(err)
	return stored
}

func (w *writer) record(r *room) *record {
	if w.records[r] == nil {
		done, err := w.addRoom.Exec(r.name)
		must(err)
		id, err := done.LastInsertId()
		must(err)
		w.records[r] = &record{id: id}
	}
	return w.records[r]
}
