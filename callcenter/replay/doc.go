// Package replay makes calls of recorded events, by the very rules by which
// they are followed, and tells what the rules now say otherwise.
//
//	r, err := replay.New("pbx1", plan, from, to)
//	err = r.Read(ctx, replay.Journal(folder, from))
//	for _, call := range r.Calls() {
//		why := r.Incomplete(&call) // empty where the events tell all of it
//		differences := replay.Compare(&stored, &call)
//	}
//
// It does no more than read: neither a database nor a PBX is asked.
package replay
