package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/ari"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/demo"
	"callbackd/phonebook"
	"callbackd/postgres"
)

// seeded is the past of a call center, invented: so many call-center calls,
// each with its callback, others between them, and whom they were with. The
// newest callbacks have a history, and their calls a recording.
type seeded struct {
	callbacks int
	// base is when the newest call began.
	base time.Time
	// recorded is a file that all recordings are of, as the PBX names it.
	recorded string
}

// seedStories is how many of the newest callbacks were worked on by people.
const seedStories = 12

var (
	seedFamilies = []string{"佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田", "佐々木", "山口", "松本", "井上", "木村", "林", "斎藤", "清水"}
	seedGiven    = []string{"美咲", "健一", "由美子", "翔太", "さくら", "直樹", "恵", "大輔", "裕子", "拓也", "陽子", "隆", "真由美", "亮", "智子", "浩", "千尋"}
	seedFirms    = []string{"株式会社青山製作所", "北浜商事株式会社", "医療法人 緑風会", "有限会社大川運輸", "みなと不動産", "東雲電機工業株式会社", "ひまわり薬局", "中央建設"}
	seedMemos    = []string{
		"見積書の件。14時以降に携帯へ折り返し希望",
		"納期を工場に確認してから連絡する約束。本日17時まで",
		"",
		"請求書の宛名変更。経理の担当者が不在のため引き継ぎ",
		"修理の受付番号を伝えること。\n型番 RX-204、購入は今年の春",
		"解約の相談。感情的になっているため上席から連絡する",
		"",
		"配送先住所の変更。新住所はメールで届く予定",
		"在庫が入り次第連絡。色は白か青",
	}
	// seedLongMemo is as long as a memo may be.
	seedLongMemo = string([]rune(strings.Repeat("加湿器から異音がするとのことで3回目のお電話。前回の担当者が折り返しを約束したが連絡がなかったとのこと。修理センターに在庫と代替機の有無を確認し、必ず本日中に連絡する。", 40))[:2000])
	seedDesks    = []string{"support", "support", "sales"}
	seedAgents   = []string{"sato", "suzuki", "takahashi", "ito"}
)

// seedLongName is longer than any column.
const seedLongName = "独立行政法人 国際環境技術振興協会 首都圏統括本部 カスタマーリレーション推進室 お客様相談係"

// seedNumber is that of the n-th customer, of the pattern 555-xxxx.
func seedNumber(n int) string {
	return []string{"0355", "0665", "0525", "0115"}[n%4] + fmt.Sprintf("55%04d", n*37%10000)
}

func seedName(n int) string {
	switch {
	case n == 2:
		return seedLongName
	case n%4 == 3:
		return seedFirms[n/4%len(seedFirms)]
	default:
		return seedFamilies[n%len(seedFamilies)] + " " + seedGiven[n/3%len(seedGiven)]
	}
}

// seed fills a migrated database.
func (s *seeded) seed(t *testing.T, address string, hasCallCenter func(string) bool) {
	t.Helper()
	ctx := t.Context()
	db, err := postgres.Open(ctx, address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, step := range []func() error{
		func() error { return s.people(ctx, db, conn, hasCallCenter) },
		func() error { return s.calls(ctx, db) },
		func() error { return s.old(ctx, conn) },
		func() error { return s.stories(ctx, db) },
		func() error { return s.administration(ctx, db) },
		func() error { return s.webhooks(ctx, db, conn) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// people makes the demo's accounts, and 200 more where there are many
// callbacks, who cannot log in.
func (s *seeded) people(ctx context.Context, db *postgres.DB, conn *pgx.Conn, hasCallCenter func(string) bool) error {
	service := accounts.NewService(accounts.Options{
		Store: db.Accounts(), HasCallCenter: hasCallCenter, Cost: accounts.Cost{Passes: 1, Memory: 1024, Threads: 1},
	})
	for _, a := range demo.Accounts() {
		_, err := service.Create(ctx, accounts.Operator(), accounts.NewAccount{
			Name: a.Name, DisplayName: a.DisplayName, Role: a.Role, CallCenters: a.CallCenters, Endpoint: a.Endpoint, Password: officePassword,
		})
		if err != nil {
			return err
		}
	}
	if s.callbacks < 1000 {
		return nil
	}
	var rows [][]any
	for n := range 200 {
		rows = append(rows, []any{
			fmt.Sprintf("agent%03d", n), seedFamilies[n%len(seedFamilies)] + " " + seedGiven[n%len(seedGiven)], "agent",
			[]string{seedDesks[n%3]},
			n%40 != 0, "$argon2id$", s.base.AddDate(0, -1, 0),
		})
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"accounts"},
		[]string{"name", "display_name", "role", "call_centers", "enabled", "password_hash", "created_at"}, pgx.CopyFromRows(rows))
	return err
}

// call is the n-th call from the newest; the caller waits, and an agent
// answers most.
func (s *seeded) call(n int) callcenter.Call {
	at := s.base.Add(-time.Duration(n) * 7 * time.Minute)
	linkedID := fmt.Sprintf("1700000000.%d", n)
	desk := seedDesks[n%len(seedDesks)]
	agent := map[string][]string{"support": {"PJSIP/2001", "PJSIP/2002"}, "sales": {"PJSIP/2003", "PJSIP/2004"}}[desk][n/3%2]
	extension := map[string]string{"support": "7001", "sales": "7002"}[desk]
	answered, end := at.Add(12*time.Second), at.Add(time.Duration(60+n*53%400)*time.Second)
	c := callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", linkedID), Node: "pbx1", LinkedID: linkedID,
		Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound, CallCenter: desk, CallCenters: []string{desk},
		BusinessLabel: map[string]string{"support": "repairs", "sales": "orders"}[desk],
		RemoteNumber:  seedNumber(n), LocalNumber: extension,
		State: callcenter.StateEnded, StartedAt: at, EndedAt: &end, LastEventAt: end,
		Receipt: []callcenter.Signal{{
			At: at, Event: "ChannelDialplan", Channel: ari.ChannelID(linkedID),
			Rule: callcenter.RuleCallCenterQueue, Kind: callcenter.KindCallCenter, CallCenter: desk, Value: desk,
		}},
		Legs: []callcenter.Leg{{Channel: ari.ChannelID(linkedID), Endpoint: "PJSIP/trunk", Trunk: true, StartedAt: at, EndedAt: &end}},
	}
	if n%9 == 8 { // who withholds the number
		c.RemoteNumber = ""
	}
	if n%7 == 6 {
		c.Outcome = callcenter.Outcome{Result: callcenter.ResultAbandoned, Reason: "caller-hung-up"}
		return c
	}
	c.Agent, c.Agents, c.AnsweredAt = agent, []string{agent}, &answered
	c.Outcome = callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: "caller-hung-up"}
	c.Legs = append(c.Legs, callcenter.Leg{
		Channel: ari.ChannelID(linkedID + "1"), Endpoint: agent, Dialled: true, CallCenter: desk, StartedAt: at, AnsweredAt: &answered, EndedAt: &end,
	})
	if n < seedStories && n%4 != 3 {
		c.Recordings = []string{s.recorded}
	}
	return c
}

// otherCall is a call to a phone, some minutes after the n-th.
func (s *seeded) otherCall(n int) callcenter.Call {
	c := s.call(n)
	c.LinkedID = fmt.Sprintf("1800000000.%d", n)
	c.RequestID = callcenter.NewRequestID(c.Node, c.LinkedID)
	c.Kind, c.CallCenter, c.CallCenters, c.BusinessLabel, c.Recordings = callcenter.KindTerminal, "", []string{}, "", nil
	c.LocalNumber, c.RemoteNumber = "2001", seedNumber(n+500)
	c.Receipt[0].Rule, c.Receipt[0].Kind, c.Receipt[0].CallCenter, c.Receipt[0].Value = callcenter.RuleTerminalDial, callcenter.KindTerminal, "", "PJSIP/2001"
	return c
}

func (s *seeded) calls(ctx context.Context, db *postgres.DB) error {
	const batch = 1000
	var calls []callcenter.Call
	for n := range s.callbacks {
		calls = append(calls, s.call(n))
		if n%5 == 4 {
			calls = append(calls, s.otherCall(n))
		}
		if len(calls) >= batch || n == s.callbacks-1 {
			if err := db.Calls().SaveCalls(ctx, calls); err != nil {
				return err
			}
			calls = calls[:0]
		}
	}
	return nil
}

// old are the callbacks that nobody has looked at for long: their rows at
// once, through the triggers that any row goes through.
func (s *seeded) old(ctx context.Context, conn *pgx.Conn) error {
	var rows [][]any
	for n := s.callbacks - 1; n >= seedStories; n-- {
		c := s.call(n)
		at := c.EndedAt.Add(time.Minute)
		status, assignee := "completed", any(seedAgents[n%len(seedAgents)])
		completedAt, completedBy := any(at.Add(time.Hour)), assignee
		if n < 40 || n%50 == 0 {
			status, completedAt, completedBy = "open", nil, nil
			if n%3 == 0 {
				assignee = nil
			}
		}
		origin, by := "manual", seedAgents[(n+1)%len(seedAgents)]
		var number any
		if c.RemoteNumber != "" {
			number = c.RemoteNumber
		}
		rows = append(rows, []any{
			s.callbacks - n, string(c.RequestID), origin, status, assignee, seedMemos[n%len(seedMemos)], at, by,
			completedAt, completedBy, number, number, c.CallCenter, c.BusinessLabel, c.LocalNumber,
		})
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"callbacks"}, []string{
		"id", "request_id", "origin", "status", "assignee", "memo", "registered_at", "registered_by",
		"completed_at", "completed_by", "remote_number", "contact_number", "call_center", "business_label", "local_number",
	}, pgx.CopyFromRows(rows))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `UPDATE callback_numbers SET last_id = (SELECT max(id) FROM callbacks)`)
	return err
}

// stories are the newest callbacks, as people worked on them.
func (s *seeded) stories(ctx context.Context, db *postgres.DB) error {
	clock := s.base
	service := callbacks.NewService(db.Callbacks(), callbacks.Options{
		Now: func() time.Time { return clock }, Numbers: callbacks.InRegion("JP"),
	})
	for n := min(s.callbacks, seedStories) - 1; n >= 0; n-- {
		c := s.call(n)
		clock = c.EndedAt.Add(40 * time.Second)
		agent := principal(map[string]string{"support": "sato", "sales": "takahashi"}[c.CallCenter], c.CallCenter)
		registered, err := service.Register(ctx, agent, c.RequestID, callbacks.Registration{Memo: seedMemos[n%len(seedMemos)]})
		if err != nil {
			return err
		}
		if err := workOn(ctx, service, agent, registered.Callback, n, &clock); err != nil {
			return err
		}
	}
	return nil
}

// workOn is what becomes of a callback: every third is nobody's yet, the others
// are claimed, noted, and some completed.
func workOn(ctx context.Context, service *callbacks.Service, agent accounts.Principal, c callbacks.Callback, n int, clock *time.Time) error {
	if n%3 == 1 {
		return nil
	}
	*clock = clock.Add(50 * time.Second)
	changed, err := service.Claim(ctx, agent, c.ID, c.Version, "")
	if err != nil {
		return err
	}
	memo := map[int]string{0: seedMemos[0] + "\n1回目 15:10 不在、留守電なし。16時に再度かける", 2: seedLongMemo}[n]
	if memo == "" {
		memo = seedMemos[n%len(seedMemos)] + "\n折り返し済み、ご了承いただいた"
	}
	*clock = clock.Add(40 * time.Second)
	changed, err = service.Change(ctx, agent, c.ID, callbacks.Patch{Version: changed.Callback.Version, Memo: &memo})
	if err != nil || n < 5 {
		return err
	}
	*clock = clock.Add(50 * time.Second)
	_, err = service.Change(ctx, agent, c.ID, callbacks.Patch{Version: changed.Callback.Version, Status: new(callbacks.StatusCompleted)})
	return err
}

func principal(name, callCenter string) accounts.Principal {
	return accounts.Principal{Kind: accounts.KindAccount, Name: name, Role: accounts.RoleAgent, CallCenters: []string{callCenter}, AccountID: 1}
}

// administration is the phone book, tokens, and gaps that were settled.
func (s *seeded) administration(ctx context.Context, db *postgres.DB) error {
	if s.callbacks == 0 {
		return nil
	}
	var file strings.Builder
	file.WriteString("number,name\n")
	seen := map[string]bool{}
	for n := range s.callbacks {
		// Every fifth caller is unknown.
		if number := seedNumber(n); n%5 != 4 && !seen[number] {
			seen[number] = true
			fmt.Fprintf(&file, "%s,%s\n", number, seedName(n))
		}
	}
	if _, err := phonebook.NewBook(db.Phonebook(), "JP", nil).Import(ctx, accounts.Operator(), strings.NewReader(file.String()), phonebook.ImportOptions{}); err != nil {
		return err
	}
	tokens := accounts.NewTokens(db.Tokens(), nil)
	for _, token := range []accounts.NewToken{
		{Name: "CRM連携", Role: accounts.RoleSupervisor, MayActFor: true},
		{Name: "社内ダッシュボード", Role: accounts.RoleAgent, CallCenters: []string{"support"}, ExpiresAt: new(s.base.AddDate(0, 6, 0))},
		{Name: "nightly-report", Role: accounts.RoleAgent},
	} {
		if _, _, err := tokens.Create(ctx, token); err != nil {
			return err
		}
	}
	for n := range min(3, s.callbacks) {
		from := s.base.Add(-time.Duration(n*n+1) * 9 * time.Hour)
		err := db.Calls().SaveGap(ctx, callcenter.Gap{
			Node: "pbx1", From: from, To: new(from.Add(time.Duration(n*40+8) * time.Second)), Why: []string{"broken", "daemon-down", "silent"}[n],
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeSpeech writes a recording of half a minute in which two people seem to
// talk in turns, as seen in its waveform, and returns its path. Nobody says
// anything.
func writeSpeech(t *testing.T, directory string) string {
	t.Helper()
	const rate, seconds = 8000, 34
	sound := make([]byte, 44+2*rate*seconds)
	copy(sound, "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	binary.LittleEndian.PutUint32(sound[4:], uint32(len(sound)-8))
	binary.LittleEndian.PutUint32(sound[24:], rate)
	binary.LittleEndian.PutUint32(sound[28:], 2*rate)
	copy(sound[32:], "\x02\x00\x10\x00data")
	binary.LittleEndian.PutUint32(sound[40:], uint32(len(sound)-44))
	for i := range rate * seconds {
		at := float64(i) / rate
		phrase := math.Max(0, math.Sin(at*1.1+1.6*math.Sin(at*0.37)))     // who speaks makes pauses
		syllable := 0.35 + 0.65*math.Abs(math.Sin(at*9+3*math.Sin(at*2))) // and has a rhythm
		pitch := 150 + 70*float64(int(at/5)%2)                            // and a voice
		level := 14000 * phrase * syllable * (0.6 + 0.4*math.Sin(at*3.3+math.Sin(at*7)))
		wave := 0.6*math.Sin(2*math.Pi*pitch*at) + 0.3*math.Sin(6*math.Pi*pitch*at) + 0.1*math.Sin(22*math.Pi*pitch*at)
		binary.LittleEndian.PutUint16(sound[44+2*i:], uint16(int16(level*wave)))
	}
	path := filepath.Join(directory, "seeded.wav")
	if err := os.WriteFile(path, sound, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
