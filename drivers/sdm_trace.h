/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sdm

#if !defined(_SDM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _SDM_TRACE_H

#include <linux/tracepoint.h>

#include "sdm.h"

/* A signal was offered to the hardware; ret is its answer. */
TRACE_EVENT(sdm_send,
	    TP_PROTO(const struct sdm_device *sdm, u32 dest, u32 signal,
		     const u64 *payload, int ret),
	    TP_ARGS(sdm, dest, signal, payload, ret),
	    TP_STRUCT__entry(__field(int, index)
			     __field(u32, dest)
			     __field(u32, signal)
			     __field(u64, payload0)
			     __field(u64, payload1)
			     __field(int, ret)
	    ),
	    TP_fast_assign(__entry->index = sdm->index;
			   __entry->dest = dest;
			   __entry->signal = signal;
			   __entry->payload0 = payload[0];
			   __entry->payload1 = payload[1];
			   __entry->ret = ret;
	    ),
	    TP_printk("sdm%d dest=%u signal=%u payload=%#llx,%#llx ret=%d",
		      __entry->index, __entry->dest, __entry->signal,
		      __entry->payload0, __entry->payload1, __entry->ret)
);

/* A signal was taken from the hardware; claimed tells if it had a taker. */
TRACE_EVENT(sdm_receive,
	    TP_PROTO(const struct sdm_device *sdm, const struct sdm_msg *msg,
		     bool claimed),
	    TP_ARGS(sdm, msg, claimed),
	    TP_STRUCT__entry(__field(int, index)
			     __field(u32, source)
			     __field(u32, signal)
			     __field(u64, payload0)
			     __field(u64, payload1)
			     __field(bool, claimed)
	    ),
	    TP_fast_assign(__entry->index = sdm->index;
			   __entry->source = msg->source;
			   __entry->signal = msg->signal;
			   __entry->payload0 = msg->payload[0];
			   __entry->payload1 = msg->payload[1];
			   __entry->claimed = claimed;
	    ),
	    TP_printk("sdm%d source=%u signal=%u payload=%#llx,%#llx%s",
		      __entry->index, __entry->source, __entry->signal,
		      __entry->payload0, __entry->payload1,
		      __entry->claimed ? "" : " unclaimed")
);

/* The link of a peer changed. */
TRACE_EVENT(sdm_peer,
	    TP_PROTO(const struct sdm_peer *peer, const struct sdm_link *link),
	    TP_ARGS(peer, link),
	    TP_STRUCT__entry(__field(int, index)
			     __field(u32, id)
			     __field(u32, state)
			     __field(u32, flags)
			     __field(u32, generation)
	    ),
	    TP_fast_assign(__entry->index = peer->sdm->index;
			   __entry->id = peer->id;
			   __entry->state = link->state;
			   __entry->flags = link->flags;
			   __entry->generation = link->generation;
	    ),
	    TP_printk("sdm%d peer=%u state=%s flags=%#x generation=%u",
		      __entry->index, __entry->id,
		      __print_symbolic(__entry->state,
				       { SDM_PEER_ABSENT, "absent" },
				       { SDM_PEER_CONNECTING, "connecting" },
				       { SDM_PEER_RESET, "reset" },
				       { SDM_PEER_RUNNING, "running" },
				       { SDM_PEER_LOST, "lost" }),
		      __entry->flags, __entry->generation)
);

/* A reader was too slow for its queue; dropped counts all that it lost. */
TRACE_EVENT(sdm_overflow,
	    TP_PROTO(const struct sdm_device *sdm, u32 seqno, u64 dropped),
	    TP_ARGS(sdm, seqno, dropped),
	    TP_STRUCT__entry(__field(int, index)
			     __field(u32, seqno)
			     __field(u64, dropped)
	    ),
	    TP_fast_assign(__entry->index = sdm->index;
			   __entry->seqno = seqno;
			   __entry->dropped = dropped;
	    ),
	    TP_printk("sdm%d seqno=%u dropped=%llu",
		      __entry->index, __entry->seqno, __entry->dropped)
);

#endif /* _SDM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE sdm_trace

#include <trace/define_trace.h>
