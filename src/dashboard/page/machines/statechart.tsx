import { ANYWHERE, type Drawing } from '../../drawing.js';
import { stateName } from '../format.js';

const LINE = 14;

/** A machine drawn from its definition: the state that it is in is lit, the transition that it took last runs. */
export function Statechart({
  drawing,
  state,
  taken,
  name,
  silent = false,
  small = false,
}: {
  drawing: Drawing;
  state: string | null;
  /** The last transition, and whether it was taken just now. */
  taken: { from: string; to: string; key: string; fresh: boolean } | null;
  name: string;
  /** It is not heard: the state is what it was. */
  silent?: boolean;
  /** Only shapes, for many at once. */
  small?: boolean;
}) {
  const marker = `head-${name.replace(/\W/g, '-')}${small ? '-small' : ''}`;
  const isTaken = (from: string, to: string) => taken !== null && to === taken.to && from === taken.from;
  const direct = drawing.arrows.some(({ from, to }) => isTaken(from, to));
  return (
    <svg
      class={`statechart ${small ? 'small' : ''} ${silent ? 'silent' : ''}`}
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
      role="img"
      aria-label={`${name}, a ${drawing.name} machine, ${silent ? 'is silent, was' : 'is'} ${stateName(state)}`}
      data-machine={name}
      data-state={state ?? 'unknown'}
    >
      <defs>
        {['', '-taken'].map((kind) => (
          <marker
            key={kind}
            id={`${marker}${kind}`}
            class={`head${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth={small ? 12 : 8}
            markerHeight={small ? 12 : 8}
            markerUnits="userSpaceOnUse"
            orient="auto-start-reverse"
          >
            <path d="M0 0L8 4L0 8Z" />
          </marker>
        ))}
      </defs>
      {drawing.arrows.map((arrow) => {
        // A transition of the machine itself is drawn once, from any state.
        const on =
          isTaken(arrow.from, arrow.to) || (!direct && arrow.from === ANYWHERE && taken?.to === arrow.to);
        const kind = on ? '-taken' : '';
        return (
          <g key={`${arrow.from}-${arrow.to}`} class={`arrow ${on ? 'taken' : ''}`}>
            <path d={arrow.path} marker-end={`url(#${marker}${kind})`} />
            {on && taken?.fresh === true && (
              <path key={taken.key} d={arrow.path} class="run" pathLength={100} />
            )}
            {!small &&
              arrow.labels.map(({ text, x, y }) => (
                <text key={text} x={x} y={y + LINE - 3}>
                  {text}
                </text>
              ))}
          </g>
        );
      })}
      {drawing.states.map((one) => (
        <g
          key={one.name}
          class={`node ${one.name === state ? `lit s-${one.name}` : ''} ${one.name === ANYWHERE ? 'anywhere' : ''}`}
          data-node={one.name}
          data-lit={one.name === state}
        >
          {one.stays.length > 0 && !small && <title>{`stays on ${one.stays.join(', ')}`}</title>}
          <rect x={one.x} y={one.y} width={one.width} height={one.height} rx={12} />
          {drawing.final.includes(one.name) && (
            <rect
              x={one.x + 4}
              y={one.y + 4}
              width={one.width - 8}
              height={one.height - 8}
              rx={9}
              class="inner"
            />
          )}
          <text
            x={one.x + one.width / 2}
            y={one.y + (small || one.stays.length === 0 ? 28 : 22)}
            class="name"
          >
            {stateName(one.name)}
          </text>
          {!small && one.stays.length > 0 && (
            <text x={one.x + one.width / 2} y={one.y + 37} class="stays">
              {one.stays.length} that stay
            </text>
          )}
          {one.name === drawing.initial && !small && (
            <circle cx={one.x - 12} cy={one.y + 23} r={5} class="initial" />
          )}
        </g>
      ))}
    </svg>
  );
}
