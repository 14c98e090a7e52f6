# The platform. `docker build -t vitrine .`; state is in /data; ports are in docker-compose.yml.

# isolated-vm brings prebuilt binaries for glibc; where there is none for the machine, this image can compile it.
FROM node:26.10.0 AS dependencies
WORKDIR /vitrine
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force

FROM node:26.10.0-slim
WORKDIR /vitrine
ENV NODE_ENV=production \
    VITRINE_STORE=sqlite:/data/vitrine.db
COPY --from=dependencies /vitrine/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY apps ./apps
# `npx vitrine` and `vitrine` are the command line, for `docker compose exec vitrine vitrine apps`.
RUN ln -s /vitrine/src/cli/bin.mjs /usr/local/bin/vitrine \
  && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3080 9898
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9898/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself, not npm, so that SIGTERM reaches it.
CMD ["node", "--no-node-snapshot", "src/cli/main.ts", "serve"]
